"""The value of routing, put together: trail, policies, outcomes, and the learner of uplift."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from config.settings import Settings
from decisions.backtest.routed_record import FeaturedRecord
from domain.clock import iso, to_us
from domain.errors import BadInput, Missing, NoModel
from domain.identifiers import is_identified
from jobs.decisions.backtest import PoliciesByLabel, joined_outcomes
from measures.confidence_sequences import FEWEST, effective_units
from measures.off_policy import mean_bounds
from measures.uplift import gain_curve, qini_coefficient
from monitoring.decision_columns import Floats
from monitoring.value.drawn_leads import DrawnLeads, MaturedLeads, matured_leads
from monitoring.value.routing_lift import routing_lifts
from monitoring.value.self_feeding import LEAST_CHANCE, self_feeding_of
from monitoring.value.value_page import value_document
from monitoring.value.value_report import MOST_POINTS, Uplift, UpliftShare, ValueReport
from storage.files import private_folder, write_whole
from wiring.clock import clock_of
from wiring.decisions import open_trail
from wiring.signals import open_signals

WORKED = ("contact",)
"""Actions that count as being worked, where none are named."""
SHARES = ("first fifth", "second fifth", "third fifth", "fourth fifth", "last fifth")
FEWEST_CONVERSIONS = 20
MOST_LEADS = 50_000
"""The newest leads that the learner is given, at most."""


@dataclass(frozen=True, slots=True)
class ValueRequest:
    """Which actions count as being worked, and which decisions count: since that moment."""

    actions: tuple[str, ...] = WORKED
    since_us: int | None = None
    level: float = 0.95


def value_report(settings: Settings, request: ValueRequest) -> ValueReport:
    """What routing is worth. Raises NoModel without a champion, Missing without decisions."""
    drawn = DrawnLeads(frozenset(request.actions), PoliciesByLabel(settings))
    seen: set[str] = set()
    decode = msgspec.json.Decoder(FeaturedRecord).decode
    trail = open_trail(settings)
    for batch in trail.batches_of(decode, request.since_us):
        known = [one for one in batch if is_identified(one.answer.lead_id)]
        seen.update(one.answer.decision.action for one in known)
        drawn.add(known)
    _check(request, seen)
    table = joined_outcomes(settings, drawn.decisions)
    if table is None:
        raise NoModel(
            "no model is champion, so nothing says which outcome counts, and within which days",
            rule="champion-known",
            todo="`leadscore promote VERSION --stage champion --reason TEXT` makes one.",
        )
    leads = matured_leads(drawn, table)
    now = to_us(clock_of(settings, open_signals(settings).directory).now())
    return ValueReport(
        reported=iso(now),
        outcome=table.rule.outcome,
        horizon_days=table.rule.horizon_days,
        actions=request.actions,
        decisions=len(drawn.decisions),
        leads=len(leads),
        lifts=routing_lifts(leads, drawn.grades, drawn.rules, level=request.level),
        uplift=_uplift(settings, drawn, leads, request.level),
        feeding=self_feeding_of(leads, table),
    )


def write_value_report(report: ValueReport, folder: Path) -> Path:
    """Write `value.md`, `value.json` and `value.html`; gives the place of the last."""
    document = value_document(report)
    private_folder(folder)
    write_whole(folder / "value.md", document.markdown().encode())
    write_whole(folder / "value.json", msgspec.json.format(msgspec.json.encode(report)))
    write_whole(folder / "value.html", document.html().encode())
    return folder / "value.html"


def _check(request: ValueRequest, seen: set[str]) -> None:
    if not seen:
        raise Missing(
            "no decision on a known lead is recorded in that time",
            rule="decisions-recorded",
            todo="Score leads: `leadscore score --all`, or POST /score.",
        )
    if not set(request.actions) & seen:
        raise BadInput(
            f"no decision has the action {' or '.join(request.actions)}",
            rule="action-known",
            where="--worked",
            todo=f"The recorded ones are {', '.join(sorted(seen))}.",
        )


def _uplift(settings: Settings, drawn: DrawnLeads, leads: MaturedLeads, level: float) -> Uplift:
    chance = leads.figures["worked_chance"]
    some = leads.where((chance > LEAST_CHANCE) & (chance < 1 - LEAST_CHANCE))
    some = some.where(np.arange(len(some)) >= len(some) - MOST_LEADS)
    worked = some.figures["worked"]
    units = [effective_units(some.account[side]) for side in (worked > 0, worked <= 0)]
    won = int(some.converted.sum())
    if min(units, default=0.0) < FEWEST or won < FEWEST_CONVERSIONS:
        why = (
            f"of leads whose being worked was drawn, {units[0]:.0f} accounts were worked and "
            f"{units[1]:.0f} were not, and {won:,} converted: {FEWEST} of each, and "
            f"{FEWEST_CONVERSIONS} conversions, are needed"
        )
        return Uplift(tells=False, why=why, leads=len(some), worked=int(worked.sum()))
    features = recorded_features(
        settings, [drawn.decisions.decision_ids[at] for at in some.place.tolist()]
    )
    return measured_uplift(some, features, level)


def measured_uplift(leads: MaturedLeads, features: Floats, level: float = 0.95) -> Uplift:
    """The uplift of leads whose being worked was drawn, from features [n, k]."""
    from training.model.uplift_learner import learn_uplift

    worked = leads.figures["worked"]
    learnt = learn_uplift(
        np.column_stack([leads.score, features]),
        leads.converted,
        worked,
        leads.figures["worked_chance"],
        leads.account,
    )
    curve = gain_curve(learnt.pseudo, learnt.uplift)
    points = np.unique(np.linspace(0, len(leads), MOST_POINTS).astype(np.int64))
    parts = np.array_split(np.argsort(-learnt.uplift, kind="stable"), len(SHARES))
    return Uplift(
        tells=True,
        leads=len(leads),
        worked=int(worked.sum()),
        accounts=len(np.unique(leads.account)),
        average=mean_bounds(learnt.pseudo, leads.account, level),
        qini=qini_coefficient(learnt.pseudo, learnt.uplift, leads.account, level=level),
        shares=tuple(
            UpliftShare(
                name=name,
                leads=len(rows),
                predicted=float(learnt.uplift[rows].mean()),
                gain=mean_bounds(learnt.pseudo[np.sort(rows)], leads.account[np.sort(rows)], level),
            )
            for name, rows in zip(SHARES, parts, strict=True)
        ),
        targeted=tuple(curve.targeted[points].tolist()),
        gained=tuple(curve.gained[points].tolist()),
    )


def recorded_features(settings: Settings, decision_ids: Sequence[str]) -> Floats:
    """The recorded numbers of decisions [n, features], as many as most of them have."""
    wanted = {name: at for at, name in enumerate(decision_ids)}
    decode = msgspec.json.Decoder(FeaturedRecord).decode
    rows: list[Floats] = [np.zeros(0)] * len(decision_ids)
    for batch in open_trail(settings).batches_of(decode):
        for record in batch:
            at = wanted.get(record.answer.decision_id)
            if at is not None:
                rows[at] = np.array(record.numbers, dtype=np.float64)
    width = int(np.median([len(row) for row in rows])) if rows else 0
    table = np.full((len(rows), width), np.nan)
    for at, row in enumerate(rows):
        if len(row) == width:
            table[at] = row
    return table
