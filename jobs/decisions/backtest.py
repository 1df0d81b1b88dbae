"""Backtests, put together: the audit trail, policies by label or file, outcomes, the model's."""

import gc
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from config.home_definition import definition_of
from config.settings import Settings
from decisions.backtest.remembered_policy import RememberedPolicy, remembered
from decisions.backtest.replay import FeatureNames, Replayer
from decisions.backtest.routed_record import FeaturedRecord
from decisions.backtest.segments import DEFAULT, segments_of
from decisions.overrides.past import PastOverrides
from domain.errors import BadInput, LeadscoreError, Missing
from domain.identifiers import is_identified
from domain.versions.manifest import Stage
from domain.versions.policy_manifest import POLICY_FILE
from feature_repo.catalogue import category_names, number_names
from jobs.models.canary import join_rule, learnt_by
from jobs.models.report_evidence import canonical_of
from monitoring.backtest.backtest import DECIDED, Backtest
from monitoring.backtest.backtest_page import backtest_document
from monitoring.backtest.gathering import gathered_backtest
from monitoring.backtest.policy_value import PolicyValue, nothing_told, policy_value
from monitoring.backtest.replayed_columns import ReplayedColumns
from monitoring.canary_target import Target
from monitoring.decision_columns import DecisionColumns
from monitoring.outcomes import OutcomeTable, join_columns
from signals.events.outcomes import read_outcomes
from storage.files import private_folder, write_whole
from wiring.decisions import POLICIES, open_trail
from wiring.overrides import open_overrides
from wiring.policies import policy_file
from wiring.registry import open_policies, open_registry
from wiring.signals import open_signals

MOST_DECISIONS = 5_000_000
"""So many decisions are replayed at most: some 150 bytes each are kept."""


@dataclass(frozen=True, slots=True)
class BacktestRequest:
    """Two policies, each a file, a registered label or one that comes along.

    `was` is the word `decided` for what was decided. `by` names segments; `capacity` is in leads
    a day by queue, before what the candidate declares. `since_us` and `until_us` bound the moments
    of decisions, the latter not included. `level` is that of the intervals.
    """

    now: str
    was: str = DECIDED
    by: tuple[str, ...] = DEFAULT
    capacity: Mapping[str, float] = field(default_factory=dict)
    since_us: int | None = None
    until_us: int | None = None
    level: float = 0.95


def backtest(settings: Settings, request: BacktestRequest) -> Backtest:
    """Replay recorded decisions under a candidate, and tell what changes and what it is worth.

    Raises Missing without decisions or such a policy, BadInput, BadConfiguration.
    """
    began = time.monotonic()
    opened, files = _policies(settings, request)
    now, was = opened[-1], opened[0] if len(opened) > 1 else None
    names = feature_names(settings)
    attributes = sorted({name for one in opened for side in one.looks_at for name in side})
    segments = segments_of(request.by, files, attributes)
    columns = ReplayedColumns(request.by, segments)
    past = PastOverrides(open_overrides(settings).entries())
    replayer = Replayer(was, now, PoliciesByLabel(settings), names, past)
    for batch in _batches(settings, request):
        columns.add([replayer.replay(record) for record in batch])
        _bounded(columns)
    if not len(columns):
        raise Missing(
            "no decision on a known lead is recorded in that time",
            rule="decisions-recorded",
            todo="Score leads: `leadscore score --all`, or POST /score.",
        )
    return gathered_backtest(
        columns,
        (DECIDED if was is None else was.label, now.label),
        _value(settings, columns, request.level),
        {**now.capacities, **request.capacity},
        filled=replayer.filled,
        overridden=replayer.overridden,
        evaluated=(was.evaluated if was else 0, now.evaluated),
        seconds=time.monotonic() - began,
    )


def _policies(
    settings: Settings, request: BacktestRequest
) -> tuple[list[RememberedPolicy], list[Path]]:
    """One policy, or two from before to after, and their files."""
    if request.now == DECIDED:
        raise BadInput(
            "what was decided is no candidate",
            rule="backtest-candidate",
            where="B",
            todo="Name a policy: a file, a registered version, or one that comes along.",
        )
    names = [name for name in (request.was, request.now) if name != DECIDED]
    files = [policy_file(settings, name) for name in names]
    return [remembered(path, label) for label, path in files], [path for _, path in files]


def write_backtest(result: Backtest, folder: Path) -> Path:
    """Write `backtest.md`, `backtest.json` and `backtest.html`; gives the place of the last."""
    document = backtest_document(result)
    private_folder(folder)
    write_whole(folder / "backtest.md", document.markdown().encode())
    write_whole(folder / "backtest.json", msgspec.json.format(msgspec.json.encode(result)))
    write_whole(folder / "backtest.html", document.html().encode())
    return folder / "backtest.html"


class PoliciesByLabel:
    """The policies that records name: registered ones, and those that come along."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known: dict[str, RememberedPolicy | None] = {}

    def __call__(self, label: str) -> RememberedPolicy | None:
        """The policy of a label; None where it is not there any more."""
        if label not in self._known:
            self._known[label] = self._open(label)
        return self._known[label]

    def _open(self, label: str) -> RememberedPolicy | None:
        settings = self._settings
        try:
            if (settings.home / "live").is_dir():
                registry = open_policies(settings)
                if label in registry.standing().registrations:
                    return remembered(registry.fetch(label)[0] / POLICY_FILE, label)
        except LeadscoreError:
            return None
        files = [*sorted(POLICIES.glob("*.json"))]
        if settings.policy and Path(settings.policy).is_file():
            files.append(Path(settings.policy))
        return next((one for one in map(remembered, files) if one.label == label), None)


def feature_names(settings: Settings) -> FeatureNames:
    """The names of a record's features, by the label of the feature service in use."""
    if not settings.definition_file.is_file():
        return {}
    definition = definition_of(settings)
    return {definition.label: (number_names(definition), category_names(definition))}


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without the collector of circles, of which decoded records have none."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _batches(settings: Settings, request: BacktestRequest) -> Iterator[list[FeaturedRecord]]:
    decode = msgspec.json.Decoder(FeaturedRecord).decode
    until = request.until_us
    with _no_collection():
        for batch in open_trail(settings).batches_of(decode, request.since_us):
            yield [
                one
                for one in batch
                if is_identified(one.answer.lead_id) and (until is None or one.decided_us < until)
            ]


def _bounded(columns: ReplayedColumns) -> None:
    if len(columns) > MOST_DECISIONS:
        raise BadInput(
            f"there are more than {MOST_DECISIONS:,} decisions",
            rule="backtest-size",
            where="--since",
            todo="Replay those of a shorter time: `--since 2026-01-01`.",
        )


def _value(settings: Settings, columns: ReplayedColumns, level: float) -> PolicyValue:
    table = joined_outcomes(settings, columns.decisions)
    if table is None:
        return nothing_told(
            "no model is champion, so nothing says which outcome counts, and within which days"
        )
    return policy_value(columns, table, level=level)


def joined_outcomes(settings: Settings, decisions: DecisionColumns) -> OutcomeTable | None:
    """Decisions with what became of them, by the champion's outcome; None without a champion."""
    registry = open_registry(settings)
    champion = registry.at(Stage.CHAMPION)
    if champion is None:
        return None
    learnt = learnt_by(registry.fetch(champion)[1])
    plane = open_signals(settings)
    target = Target(outcome=learnt.outcome, horizon_days=learnt.horizon_days)
    return join_columns(
        decisions,
        read_outcomes(plane.engine, plane.definition),
        join_rule(target, plane.definition),
        watermark_us=plane.directory.watermark_us(),
        canonical=canonical_of(plane.directory),
    )


def capacities(texts: Sequence[str]) -> dict[str, float]:
    """Leads a day by queue, from texts such as `enterprise_emea=20`. Raises BadInput."""
    capacity: dict[str, float] = {}
    for text in texts:
        queue, _, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not queue or not 0 <= value < 1e9 or queue in capacity:
            raise BadInput(
                f"{text!r} is no queue's capacity, or its queue has one already",
                rule="capacity",
                where="--capacity",
                todo="Write QUEUE=LEADS, leads a day, as enterprise_emea=20.",
            )
        capacity[queue] = value
    return capacity
