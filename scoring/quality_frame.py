"""The training profile as a pandera schema, for tables that are scored as a whole."""

from typing import TYPE_CHECKING, Any

from domain.findings import Findings, broken_rules
from domain.versions.input_profile import InputProfile
from scoring.model.input_gate import GATE, NULL_RATE, RANGE, UNSEEN, InputRules

if TYPE_CHECKING:
    import pandas as pd
    from pandera.pandas import DataFrameSchema


def input_schema(profile: InputProfile, rules: InputRules) -> "DataFrameSchema":
    """The schema of tables like the training rows; checks are named as the gate's rules.

    A column may miss `missing_slack` more of its values than in training.
    """
    import pandera.pandas as pa

    def share(usual: float) -> Any:
        most = usual + rules.missing_slack
        return pa.Check(
            lambda column: bool((column.isna() | (column == "")).mean() <= most),
            name=NULL_RATE,
            ignore_na=False,
        )

    columns: dict[str, Any] = {}
    for n in profile.numbers:
        checks = [share(n.missing)]
        if n.low is not None and n.high is not None:
            room = rules.slack * (n.high - n.low)
            checks.append(pa.Check.in_range(n.low - room, n.high + room, error=RANGE))
        columns[n.name] = pa.Column(float, checks, nullable=True)
    for c in profile.categories:
        checks = [share(c.missing)]
        if c.values is not None:
            checks.append(pa.Check.isin(["", *c.values], error=UNSEEN))
        columns[c.name] = pa.Column(None, checks, nullable=True)
    return pa.DataFrameSchema(columns)


def count_frame(frame: "pd.DataFrame", schema: "DataFrameSchema", found: Findings) -> None:
    """Count what a table to be scored breaks; a null rate counts once a column."""
    from pandera.errors import SchemaErrors

    try:
        schema.validate(frame, lazy=True)
    except SchemaErrors as bad:
        for (rule, column), count in broken_rules(bad.failure_cases).items():
            found.add(GATE, rule, column, count)
