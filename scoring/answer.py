"""From a lead to an explained, decided, recorded answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from decisions.overrides.in_force import NONE_IN_FORCE, OverridesInForce
from domain.clock import Clock
from domain.decisions import DecisionRecord, PolicyQuestion
from domain.definition import FeatureDefinition
from domain.errors import BadInput, NoModel, Refused, Unavailable, UnknownLead
from domain.ports import (
    PROFILE_ONLY,
    DecisionLog,
    LeadDirectory,
    LeadRef,
    NullObserver,
    Observer,
    StateReader,
)
from domain.scores import ScoreAnswer
from feature_repo.catalogue import category_names, number_names
from feature_repo.quality import FeatureGate
from scoring.assignment import Plans, assign_all
from scoring.challenger_isolation import ArmFailures
from scoring.decision_records import Names, ScoredBatch, records_of, scored_by, with_none
from scoring.feature_rows import FeatureRows, rows_of
from scoring.live_models import Live, VersionSource
from scoring.live_policy import LivePolicies
from scoring.model.input_gate import Gates
from scoring.pending_answers import AnswerOrError, PendingBatch, reused
from scoring.profile_only_version import profile_rows, some_rows


@dataclass(frozen=True, slots=True)
class Ports:
    """What an answer needs of other rooms. `policy` and `overrides` give those in force now."""

    directory: LeadDirectory
    states: StateReader
    versions: VersionSource
    policy: Callable[[], LivePolicies]
    log: DecisionLog
    clock: Clock
    random_bytes: Callable[[int], bytes]
    gates: Gates = field(default_factory=Gates)
    watch: Observer = field(default_factory=NullObserver)
    overrides: Callable[[], OverridesInForce] = lambda: NONE_IN_FORCE


class ScoringService:
    """Scores, explains, decides and records. Safe to use from many threads."""

    def __init__(self, definition: FeatureDefinition, ports: Ports) -> None:
        self._definition = definition
        self._ports = ports
        self._names = Names(number_names(definition), category_names(definition))
        self._gate = FeatureGate(definition, ports.gates.features)
        self._failures = ArmFailures()

    def answer(self, questions: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        """The answers in the order of the questions; all decisions are recorded together.

        An error that concerns one question, such as an unknown lead, does not affect the others. A
        request whose key was answered before gets the recorded answer.
        """
        return self.finish(self.begin(questions))

    def begin(self, questions: Sequence[PolicyQuestion]) -> PendingBatch:
        """Score and decide; `finish` records the decisions before anybody gets an answer."""
        try:
            return self._together(questions)
        except (Unavailable, NoModel) as bad:
            return PendingBatch(questions, [bad] * len(questions))
        except Exception as bad:
            return PendingBatch(
                questions, [*([bad] if len(questions) == 1 else self._one_by_one(questions))]
            )

    def finish(self, begun: PendingBatch) -> list[AnswerOrError]:
        """Record the decisions, and return the answers.

        Where another process recorded the same request meanwhile, its answer is returned.
        """
        try:
            self._record(begun)
        except Unavailable as bad:
            return [bad if one is None else one for one in begun.results]
        except Refused as bad:
            keyed = [one for one in begun.questions if one.request is not None]
            if len(begun.questions) > 1:
                return self._one_by_one(begun.questions)
            return [self._told_before(keyed[0], bad) if keyed else bad]
        except Exception as bad:
            return [bad] if len(begun.questions) == 1 else self._one_by_one(begun.questions)
        return begun.answers()

    def _told_before(self, question: PolicyQuestion, refusal: Refused) -> AnswerOrError:
        """The answer that another process recorded for this request; else the refusal."""
        return self._before([question]).get(0, refusal)

    def _one_by_one(self, questions: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        return [self.answer([one])[0] for one in questions]

    def score(self, lead_ids: Sequence[str], trace_id: str = "") -> list[ScoreAnswer]:
        """An answer per lead, in order, all recorded. Raises the first error, of any lead."""
        answers = self.answer([PolicyQuestion(lead_id=i, trace_id=trace_id) for i in lead_ids])
        return [_answer(one) for one in answers]

    def features(self, leads: Sequence[LeadRef], as_of_us: int) -> FeatureRows:
        """The named features of leads at a moment, from the states stored online."""
        return rows_of(self._definition, leads, self._ports.states.read(leads), as_of_us)

    def _together(self, questions: Sequence[PolicyQuestion]) -> PendingBatch:
        leads, watermark_us = self._leads(questions)
        before = self._before(questions)
        answers: list[AnswerOrError | None] = [
            lead if isinstance(lead, Exception) else before.get(i) for i, lead in enumerate(leads)
        ]
        first = _first(questions)
        todo = [
            (i, lead)
            for i, lead in enumerate(leads)
            if answers[i] is None and first[i] == i and isinstance(lead, LeadRef)
        ]
        records: dict[int, DecisionRecord] = {}
        decided = self._decide([(questions[i], lead) for i, lead in todo], watermark_us)
        for (i, _), one in zip(todo, decided, strict=True):
            if isinstance(one, DecisionRecord):
                records[i] = one
            else:
                answers[i] = one
        return PendingBatch(questions, answers, first, records)

    def _record(self, begun: PendingBatch) -> None:
        records = list(begun.records.values())
        if not records:
            return
        with self._ports.watch.stage("audit"):
            self._ports.log.append(records)
        for record in records:
            if record.answer.degraded_by:
                self._ports.watch.degraded(record.answer.arm, record.answer.degraded_by)

    def _leads(self, questions: Sequence[PolicyQuestion]) -> tuple[list[LeadRef | Exception], int]:
        """The lead of each question, or the error where there is none; and the log's watermark."""
        directory = self._ports.directory
        known = directory.known([one.lead_id for one in questions])
        leads: list[LeadRef | Exception] = []
        for one, lead in zip(questions, known.leads, strict=True):
            if one.identifiers is None:
                leads.append(lead or UnknownLead("no lead has that id", rule="unknown-lead"))
                continue
            try:
                leads.append(directory.find(one.identifiers))
            except (UnknownLead, BadInput) as bad:
                leads.append(bad)
        return leads, known.watermark_us

    def _before(self, questions: Sequence[PolicyQuestion]) -> dict[int, AnswerOrError]:
        """The recorded answers of requests that were sent before, by place.

        Where the trail cannot be read, requests with a key are not answered; the others may be.
        """
        keys = [one.request.key for one in questions if one.request is not None]
        try:
            recorded: Mapping[str, DecisionRecord] = self._ports.log.answered(keys) if keys else {}
        except Unavailable as bad:
            return {i: bad for i, one in enumerate(questions) if one.request is not None}
        return {
            i: record.answer if record.request == one.request else reused()
            for i, one in enumerate(questions)
            if one.request is not None and (record := recorded.get(one.request.key)) is not None
        }

    def _decide(
        self, questions: Sequence[tuple[PolicyQuestion, LeadRef]], watermark_us: int
    ) -> list[DecisionRecord | Unavailable]:
        if not questions:
            return []
        live, watch = self._ports.versions.current(), self._ports.watch
        with watch.stage("features"):
            now_us = self._ports.clock.now_us(watermark_us)
            rows = self.features([lead for _, lead in questions], now_us)
        return self._records(live, rows, [one for one, _ in questions], watermark_us)

    def _records(
        self, live: Live, rows: FeatureRows, questions: Sequence[PolicyQuestion], watermark_us: int
    ) -> list[DecisionRecord | Unavailable]:
        """The decisions on rows; where only the profile is known, the fallbacks score."""
        alone = {i for i, why in enumerate(rows.states.degraded) if why == PROFILE_ONLY}
        if not alone:
            return [*self._recorded(self._batch(live, rows, watermark_us), questions)]
        outcomes: list[DecisionRecord | Unavailable] = [_nothing_to_score_with()] * len(questions)
        usual = [i for i in range(len(questions)) if i not in alone]
        profiles, fallback = sorted(alone), live.fallback()
        batches: list[tuple[list[int], ScoredBatch]] = []
        if usual:
            batches.append((usual, self._batch(live, some_rows(rows, usual), watermark_us)))
        if fallback is not None:
            profile_only = profile_rows(self._definition, some_rows(rows, profiles))
            batches.append(
                (profiles, self._batch(fallback, profile_only, watermark_us, gated=False))
            )
        for places, batch in batches:
            records = self._recorded(batch, [questions[i] for i in places])
            for i, record in zip(places, records, strict=True):
                outcomes[i] = record
        return outcomes

    def _recorded(
        self, batch: ScoredBatch, questions: Sequence[PolicyQuestion]
    ) -> list[DecisionRecord]:
        with self._ports.watch.stage("policy"):
            return records_of(batch, questions)

    def _batch(
        self, live: Live, rows: FeatureRows, watermark_us: int, *, gated: bool = True
    ) -> ScoredBatch:
        policies, findings = self._ports.policy(), self._ports.gates.findings
        plans = Plans(live.rollout, policies.rollout, policies.holdout)
        with self._ports.watch.stage("score"):
            scored = scored_by(live, rows, findings, self._failures)
            sound = [True] * len(rows.leads)
            if gated:
                sound = self._gate.sound(rows.numbers, rows.as_of_us, watermark_us, findings)
        return ScoredBatch(
            definition=self._definition,
            names=self._names,
            rows=rows,
            numbers=rows.numbers.tolist(),
            features=with_none(rows.numbers),
            watermark_us=watermark_us,
            live=live,
            policies=policies,
            assigned=[assign_all(lead.account_id or lead.lead_id, plans) for lead in rows.leads],
            scored=scored,
            sound=sound,
            random_bytes=self._ports.random_bytes,
            failures=self._failures,
            overrides=self._ports.overrides(),
        )


def _nothing_to_score_with() -> Unavailable:
    return Unavailable(
        "the online store does not answer, and this version has no model of the profile alone",
        rule="online-store",
        todo="Try again.",
    )


def _answer(answer: AnswerOrError) -> ScoreAnswer:
    if isinstance(answer, Exception):
        raise answer
    return answer


def _first(questions: Sequence[PolicyQuestion]) -> list[int]:
    """By place, where a request with the same key came first; its own place without a key."""
    at: dict[str, int] = {}
    return [
        i if one.request is None else at.setdefault(one.request.key, i)
        for i, one in enumerate(questions)
    ]
