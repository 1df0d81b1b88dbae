"""From a lead to an explained, decided, recorded answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from domain.clock import Clock, to_us
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
    """What an answer needs of other rooms. `policy` gives those in force now."""

    directory: LeadDirectory
    states: StateReader
    versions: VersionSource
    policy: Callable[[], LivePolicies]
    log: DecisionLog
    clock: Clock
    random_bytes: Callable[[int], bytes]
    gates: Gates = field(default_factory=Gates)
    watch: Observer = field(default_factory=NullObserver)


class ScoringService:
    """Scores, explains, decides and records. Safe to use from many threads."""

    def __init__(self, definition: FeatureDefinition, ports: Ports) -> None:
        self._definition = definition
        self._ports = ports
        self._names = Names(number_names(definition), category_names(definition))
        self._gate = FeatureGate(definition, ports.gates.features)
        self._failures = ArmFailures()

    def answer(self, asked: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        """What each is told, in order; every answer is recorded, all of them together.

        Who asks for a lead that nobody knows spoils no other's answer, nor does any other error
        that is one row's own. Of requests that may be sent again, one that was answered before is
        given that answer.
        """
        return self.finish(self.begin(asked))

    def begin(self, asked: Sequence[PolicyQuestion]) -> PendingBatch:
        """Score and decide; nothing is told before `finish` has recorded it."""
        try:
            return self._together(asked)
        except (Unavailable, NoModel) as bad:
            return PendingBatch(asked, [bad] * len(asked))
        except Exception as bad:
            return PendingBatch(asked, [*([bad] if len(asked) == 1 else self._one_by_one(asked))])

    def finish(self, begun: PendingBatch) -> list[AnswerOrError]:
        """Record what was decided; what each is told.

        Who sent the same request twice at once, and was answered by another process meanwhile, is
        told that answer.
        """
        try:
            self._record(begun)
        except Unavailable as bad:
            return [bad if one is None else one for one in begun.told]
        except Refused as bad:
            keyed = [one for one in begun.asked if one.request is not None]
            if len(begun.asked) > 1:
                return self._one_by_one(begun.asked)
            return [self._told_before(keyed[0], bad) if keyed else bad]
        except Exception as bad:
            return [bad] if len(begun.asked) == 1 else self._one_by_one(begun.asked)
        return begun.answers()

    def _told_before(self, asked: PolicyQuestion, refusal: Refused) -> AnswerOrError:
        """What a request was answered with by another; the refusal where it was not."""
        return self._before([asked]).get(0, refusal)

    def _one_by_one(self, asked: Sequence[PolicyQuestion]) -> list[AnswerOrError]:
        return [self.answer([one])[0] for one in asked]

    def score(self, lead_ids: Sequence[str], trace_id: str = "") -> list[ScoreAnswer]:
        """An answer per lead, in order, all recorded. Raises the first error, of any lead."""
        told = self.answer([PolicyQuestion(lead_id=i, trace_id=trace_id) for i in lead_ids])
        return [_answer(one) for one in told]

    def features(self, leads: Sequence[LeadRef], as_of_us: int) -> FeatureRows:
        """The named features of leads at a moment, from the states stored online."""
        return rows_of(self._definition, leads, self._ports.states.read(leads), as_of_us)

    def _together(self, asked: Sequence[PolicyQuestion]) -> PendingBatch:
        leads, watermark_us = self._leads(asked)
        before = self._before(asked)
        told: list[AnswerOrError | None] = [
            lead if isinstance(lead, Exception) else before.get(i) for i, lead in enumerate(leads)
        ]
        first = _first(asked)
        todo = [
            (i, lead)
            for i, lead in enumerate(leads)
            if told[i] is None and first[i] == i and isinstance(lead, LeadRef)
        ]
        made: dict[int, DecisionRecord] = {}
        decided = self._decide([(asked[i], lead) for i, lead in todo], watermark_us)
        for (i, _), one in zip(todo, decided, strict=True):
            if isinstance(one, DecisionRecord):
                made[i] = one
            else:
                told[i] = one
        return PendingBatch(asked, told, first, made)

    def _record(self, begun: PendingBatch) -> None:
        records = list(begun.made.values())
        if not records:
            return
        with self._ports.watch.stage("audit"):
            self._ports.log.append(records)
        for record in records:
            if record.answer.degraded_by:
                self._ports.watch.degraded(record.answer.arm, record.answer.degraded_by)

    def _leads(self, asked: Sequence[PolicyQuestion]) -> tuple[list[LeadRef | Exception], int]:
        """Who is meant, or why nobody is; and the log's watermark."""
        directory = self._ports.directory
        known = directory.known([one.lead_id for one in asked])
        found: list[LeadRef | Exception] = []
        for one, lead in zip(asked, known.leads, strict=True):
            if one.identifiers is None:
                found.append(lead or UnknownLead("no lead has that id", rule="unknown-lead"))
                continue
            try:
                found.append(directory.find(one.identifiers))
            except (UnknownLead, BadInput) as bad:
                found.append(bad)
        return found, known.watermark_us

    def _before(self, asked: Sequence[PolicyQuestion]) -> dict[int, AnswerOrError]:
        """By place, what requests that were sent before are told again.

        Where nobody can say whether they were, they are not answered: others may be.
        """
        keys = [one.request.key for one in asked if one.request is not None]
        try:
            held: Mapping[str, DecisionRecord] = self._ports.log.answered(keys) if keys else {}
        except Unavailable as bad:
            return {i: bad for i, one in enumerate(asked) if one.request is not None}
        return {
            i: record.answer if record.request == one.request else reused()
            for i, one in enumerate(asked)
            if one.request is not None and (record := held.get(one.request.key)) is not None
        }

    def _decide(
        self, asked: Sequence[tuple[PolicyQuestion, LeadRef]], watermark_us: int
    ) -> list[DecisionRecord | Unavailable]:
        if not asked:
            return []
        live, watch = self._ports.versions.current(), self._ports.watch
        with watch.stage("features"):
            rows = self.features([lead for _, lead in asked], to_us(self._ports.clock.now()))
        return self._records(live, rows, [one for one, _ in asked], watermark_us)

    def _records(
        self, live: Live, rows: FeatureRows, asked: Sequence[PolicyQuestion], watermark_us: int
    ) -> list[DecisionRecord | Unavailable]:
        """The decisions on rows; by fallbacks on those of whom the profile alone is known."""
        alone = {i for i, why in enumerate(rows.states.degraded) if why == PROFILE_ONLY}
        if not alone:
            return [*self._recorded(self._batch(live, rows, watermark_us), asked)]
        made: list[DecisionRecord | Unavailable] = [_nothing_to_score_with()] * len(asked)
        usual = [i for i in range(len(asked)) if i not in alone]
        profiles, fallback = sorted(alone), live.fallback()
        batches: list[tuple[list[int], ScoredBatch]] = []
        if usual:
            batches.append((usual, self._batch(live, some_rows(rows, usual), watermark_us)))
        if fallback is not None:
            held = profile_rows(self._definition, some_rows(rows, profiles))
            batches.append((profiles, self._batch(fallback, held, watermark_us, gated=False)))
        for places, batch in batches:
            records = self._recorded(batch, [asked[i] for i in places])
            for i, record in zip(places, records, strict=True):
                made[i] = record
        return made

    def _recorded(
        self, batch: ScoredBatch, asked: Sequence[PolicyQuestion]
    ) -> list[DecisionRecord]:
        with self._ports.watch.stage("policy"):
            return records_of(batch, asked)

    def _batch(
        self, live: Live, rows: FeatureRows, watermark_us: int, *, gated: bool = True
    ) -> ScoredBatch:
        policies, found = self._ports.policy(), self._ports.gates.findings
        plans = Plans(live.rollout, policies.rollout, policies.holdout)
        with self._ports.watch.stage("score"):
            scored = scored_by(live, rows, found, self._failures)
            sound = [True] * len(rows.leads)
            if gated:
                told = self._gate.sound(rows.numbers, rows.as_of_us, watermark_us, found)
                sound = told.tolist()
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
        )


def _nothing_to_score_with() -> Unavailable:
    return Unavailable(
        "the online store does not answer, and this version has no model of the profile alone",
        rule="online-store",
        todo="Try again.",
    )


def _answer(told: AnswerOrError) -> ScoreAnswer:
    if isinstance(told, Exception):
        raise told
    return told


def _first(asked: Sequence[PolicyQuestion]) -> list[int]:
    """By place, where a request with the same key came first; its own place without a key."""
    at: dict[str, int] = {}
    return [
        i if one.request is None else at.setdefault(one.request.key, i)
        for i, one in enumerate(asked)
    ]
