"""From a lead to an explained, decided, recorded answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decisions.decision_id import new_decision_id
from domain.clock import SECOND, Clock, iso, to_us
from domain.decisions import DecisionRecord, Facts
from domain.definition import FeatureDefinition
from domain.errors import UnknownLead
from domain.ports import DecisionLog, LeadDirectory, LeadRef, LeadStates, Policy, StateReader
from domain.scores import ScoreAnswer, VersionSet
from domain.state import Matrix
from feature_repo.features import categories, category_names, number_names, numbers
from feature_repo.quality import FeatureGate
from scoring.arms import Arm, assign
from scoring.live import Live, Loaded, Versions
from scoring.quality import Gates
from scoring.reasons import CATALOGUE
from scoring.scorer import Scored


@dataclass(frozen=True, slots=True)
class Ports:
    """What an answer needs of other rooms. `policy` gives the one in force now."""

    directory: LeadDirectory
    states: StateReader
    versions: Versions
    policy: Callable[[], Policy]
    log: DecisionLog
    clock: Clock
    random_bytes: Callable[[int], bytes]
    gates: Gates = field(default_factory=Gates)


@dataclass(frozen=True, slots=True)
class Rows:
    """Leads with their features at one moment."""

    leads: Sequence[LeadRef]
    states: LeadStates
    as_of_us: int
    numbers: Matrix
    texts: list[list[str]]


class Answerer:
    """Scores, explains, decides and records. Safe to use from many threads."""

    def __init__(self, definition: FeatureDefinition, ports: Ports) -> None:
        self._definition = definition
        self._ports = ports
        self._number_names = number_names(definition)
        self._text_names = category_names(definition)
        self._attributes = [(a.name, a.kind) for a in definition.attributes]
        self._gate = FeatureGate(definition, ports.gates.features)

    def score(self, lead_ids: Sequence[str], trace_id: str = "") -> list[ScoreAnswer]:
        """An answer per lead, in order, all recorded. Raises UnknownLead for the first unknown."""
        return self._answer([self._ports.directory.resolve(i) for i in lead_ids], trace_id)

    def score_known(
        self, lead_ids: Sequence[str], trace_id: str = ""
    ) -> tuple[list[ScoreAnswer], list[str]]:
        """Answers for the leads that are known, and the ids of those that are not."""
        known, unknown = [], []
        for lead_id in lead_ids:
            try:
                known.append(self._ports.directory.resolve(lead_id))
            except UnknownLead:
                unknown.append(lead_id)
        return self._answer(known, trace_id), unknown

    def score_identifiers(self, identifiers: Mapping[str, str], trace_id: str = "") -> ScoreAnswer:
        """An answer for the lead that all these identifiers belong to."""
        return self._answer([self._ports.directory.find(identifiers)], trace_id)[0]

    def features(self, leads: Sequence[LeadRef], as_of_us: int) -> Rows:
        """The named features of leads at a moment, from the states stored online."""
        states = self._ports.states.read(leads)
        moments = np.full(len(leads), as_of_us / SECOND)
        named = numbers(self._definition, states.leads, states.accounts, moments)
        texts = categories(self._definition, states.leads, [list(t) for t in states.texts])
        return Rows(leads, states, as_of_us, named, texts)

    def _answer(self, leads: Sequence[LeadRef], trace_id: str) -> list[ScoreAnswer]:
        if not leads:
            return []
        live = self._ports.versions.current()
        rows = self.features(leads, to_us(self._ports.clock.now()))
        records = self._decide(live, rows, trace_id)
        self._ports.log.append(records)
        return [record.answer for record in records]

    def _decide(self, live: Live, rows: Rows, trace_id: str) -> list[DecisionRecord]:
        arms: list[Arm] = [
            assign(lead.account_id or lead.lead_id, live.rollout) for lead in rows.leads
        ]
        loaded: dict[Arm, Loaded] = {"champion": live.champion}
        if live.challenger is not None:
            loaded["challenger"] = live.challenger
        scored = {arm: one.scorer.score(rows.numbers, rows.texts) for arm, one in loaded.items()}
        watermark, policy = self._ports.directory.watermark_us(), self._ports.policy()
        degraded = self._degraded(rows, loaded, watermark)
        return [
            _One(self, live, policy, rows, i, arm, loaded, scored).record(
                watermark, trace_id, degraded=bool(degraded[arm][i])
            )
            for i, arm in enumerate(arms)
        ]

    def _degraded(
        self, rows: Rows, loaded: Mapping[Arm, Loaded], watermark_us: int
    ) -> dict[Arm, NDArray[np.bool_]]:
        """By arm, whether each row [n] breaks a rule of the features or is unlike training."""
        found = self._ports.gates.findings
        sound = self._gate.sound(rows.numbers, rows.as_of_us, watermark_us, found)
        return {
            arm: ~sound | one.inputs.degraded(rows.numbers, rows.texts, found)
            for arm, one in loaded.items()
        }


class _One:
    """One lead's answer in the making."""

    def __init__(
        self,
        answerer: Answerer,
        live: Live,
        policy: Policy,
        rows: Rows,
        row: int,
        arm: Arm,
        loaded: Mapping[Arm, Loaded],
        scored: Mapping[Arm, Scored],
    ) -> None:
        self._a = answerer
        self._live = live
        self._policy = policy
        self._rows = rows
        self._row = row
        self._arm = arm
        self._loaded = loaded
        self._scored = scored
        numbers = rows.numbers[row].tolist()
        self._values: dict[str, float | str] = dict(
            zip(answerer._number_names, numbers, strict=True)
        )
        self._values.update(zip(answerer._text_names, rows.texts[row], strict=True))

    def record(self, watermark_us: int, trace_id: str, *, degraded: bool) -> DecisionRecord:
        facts = self._facts()
        mine = self._scored[self._arm]
        numbers = self._rows.numbers[self._row].tolist()
        return DecisionRecord(
            decided_us=self._rows.as_of_us,
            as_of_us=self._rows.as_of_us,
            watermark_us=watermark_us,
            account_id=self._rows.leads[self._row].account_id,
            features=tuple(None if v != v else v for v in numbers),  # noqa: PLR0124 (NaN)
            texts=tuple(self._rows.texts[self._row]),
            margin=float(mine.margins[self._row]),
            rollout=self._live.rollout.id if self._live.rollout else "",
            shadow=self._shadow(),
            facts=facts,
            answer=self._answer(facts, trace_id, degraded=degraded),
        )

    def _shadow(self) -> dict[str, float]:
        return {
            self._loaded[arm].scorer.label: float(other.scores[self._row])
            for arm, other in self._scored.items()
            if arm != self._arm
        }

    def _facts(self) -> Facts:
        mine, policy = self._scored[self._arm], self._policy
        score = float(mine.scores[self._row])
        profile, features = policy.looks_at
        texts = self._rows.states.texts[self._row]
        held: dict[str, float | str | None] = {"outcome": texts[-1] or None}
        held.update((name, _known(self._values.get(name))) for name in profile if name != "outcome")
        return Facts(
            score=score,
            percentile=float(mine.percentiles[self._row]),
            grade=policy.grade(score),
            account_known=bool(self._rows.leads[self._row].account_id),
            profile=held,
            features={name: _known(self._values.get(name)) for name in features},
        )

    def _answer(self, facts: Facts, trace_id: str, *, degraded: bool) -> ScoreAnswer:
        a, loaded = self._a, self._loaded[self._arm]
        leaves = self._scored[self._arm].leaves[self._row : self._row + 1]
        known_us = self._rows.states.known_us[self._row]
        return ScoreAnswer(
            lead_id=self._rows.leads[self._row].lead_id,
            score=facts.score,
            percentile=facts.percentile,
            grade=facts.grade,
            reasons=loaded.reasoner.reasons(loaded.scorer.explain(leaves)[0], self._values),
            decision=self._policy.decide(facts),
            versions=VersionSet(
                model=loaded.scorer.label,
                feature_service=a._definition.label,
                policy=self._policy.label,
                catalogue=CATALOGUE,
            ),
            arm=self._arm,
            features_as_of=iso(known_us),
            staleness_s=max(0.0, (self._rows.as_of_us - known_us) / SECOND),
            degraded=degraded,
            decision_id=new_decision_id(self._rows.as_of_us, a._ports.random_bytes),
            trace_id=trace_id,
        )


def _known(value: float | str | None) -> float | str | None:
    """None for what is missing: NaN, and the empty text."""
    if value == "" or (isinstance(value, float) and np.isnan(value)):
        return None
    return value
