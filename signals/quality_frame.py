"""A rolling profile as a pandera schema: the batch gate for tables of one source and type."""

from typing import TYPE_CHECKING, Any

from domain.errors import Refused
from domain.findings import Findings, broken_rules
from signals.quality.batch_gate import GATE, judge
from signals.quality.profile import Profile
from signals.quality.rules import BatchRules, Reaction
from signals.quality.statistics import Seen, field_seen

if TYPE_CHECKING:
    import pandas as pd
    from pandera.pandas import DataFrameSchema

_RULES = ("null-rate", "unseen-values")


def event_schema(profile: Profile, rules: BatchRules) -> "DataFrameSchema":
    """The schema of tables of events' data, a column a field; checks are named as the rules.

    The judgement is that of `signals.quality.batch_gate`. A field without a column is all missing.
    """
    import pandera.pandas as pa

    def check(rule: str, name: str) -> Any:
        def holds(column: "pd.Series[Any]") -> bool:
            seen = Seen(len(column), 0, {name: _seen(column)})
            broken = judge("", seen, profile, rules, whole=False)
            return all(b.rule != rule for b in broken)

        return pa.Check(holds, name=rule, ignore_na=False)

    return pa.DataFrameSchema(
        {
            name: pa.Column(
                None, [check(rule, name) for rule in _RULES], nullable=True, required=False
            )
            for name in profile.fields
        }
    )


def check_events(
    frame: "pd.DataFrame",
    schema: "DataFrameSchema",
    rules: BatchRules,
    found: Findings,
    where: str,
) -> None:
    """Count what a table breaks. Raises Refused where a rule says stop; `where` is the label."""
    from pandera.errors import SchemaErrors

    given = frame.reindex(columns=[*schema.columns])
    try:
        schema.validate(given, lazy=True)
    except SchemaErrors as bad:
        broken = broken_rules(bad.failure_cases)
    else:
        return
    for rule, column in broken:
        found.add(GATE, rule, f"{where}/{column}")
    reactions: dict[str, Reaction] = {
        "null-rate": rules.null_rate,
        "unseen-values": rules.unseen_values,
    }
    for rule, column in broken:
        if reactions.get(rule) == "stop":
            raise Refused(
                f"the table is refused: field {column} is unlike the profile",
                rule=rule,
                where=where,
                todo="Mend the source, or set the rule to warn in the home's quality.yaml.",
            )


def _seen(column: "pd.Series[Any]") -> Any:
    held = column.astype(object).where(column.notna(), None)
    return field_seen(held.tolist(), category=True)
