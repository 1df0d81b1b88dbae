"""Tools about leads: who they are, how they score and why. They read, and record nothing."""

from dataclasses import dataclass
from heapq import nlargest

from domain.clock import iso
from domain.decisions import DecisionRecord
from domain.errors import BadInput, Missing
from domain.identifiers import kind_of
from domain.ports import LeadRef
from domain.scores import Reason
from domain.what_if import WhatIf, WhatIfRequest
from jobs.assistants import questions
from jobs.assistants.answers import (
    ExplainedScore,
    FoundLead,
    RankedLead,
    RankedLeads,
    ReasonChange,
    ScoresOverTime,
    ScoreSummary,
    Shortfall,
    ShownIdentifier,
)
from jobs.assistants.masking import Masking
from jobs.decisions.history import decisions_about
from signals.identity.known_values import MOST_VALUES, identifiers_of
from wiring.ranking import RankingFilters
from wiring.scoring import Scoring
from wiring.serving import ServingRuntime

MOST_REASONS = 20
GRADES = ("A", "B", "C", "D")


@dataclass(frozen=True, slots=True)
class LeadTools:
    """The tools on one home, as one caller sees it."""

    runtime: ServingRuntime
    masking: Masking

    def find_lead(self, question: questions.FindLead) -> FoundLead:
        """Raises UnknownLead, BadInput."""
        with self.runtime.here() as scoring:
            directory = scoring.plane.directory
            if (question.lead_id is None) == (question.identifiers is None):
                raise one_of("lead_id", "identifiers")
            if question.identifiers is not None:
                lead = directory.find(question.identifiers)
            else:
                lead = directory.resolve(question.lead_id or "")
            newest = _newest(scoring, lead, 1)
            return FoundLead(
                lead_id=lead.lead_id,
                account_id=lead.account_id,
                outcome=directory.outcomes([lead.lead_id])[0],
                identifiers=self._identifiers(scoring, lead),
                newest=self._summary(newest[0]) if newest else None,
            )

    def explain_score(self, question: questions.ExplainScore) -> ExplainedScore:
        """Raises UnknownLead, Missing where it was not scored yet, BadInput."""
        if (question.lead_id is None) == (question.decision_id is None):
            raise one_of("lead_id", "decision_id")
        with self.runtime.here() as scoring:
            if question.decision_id is not None:
                record = scoring.trail.get(question.decision_id)
            else:
                record = _newest_one(scoring, question.lead_id or "")
        answer = record.answer
        return ExplainedScore(
            lead_id=answer.lead_id,
            decision_id=answer.decision_id,
            decided=iso(record.decided_us),
            score=answer.score,
            percentile=answer.percentile,
            grade=answer.grade,
            reasons=self.masking.reasons(answer.reasons[:MOST_REASONS]),
            decision=self.masking.decision(answer.decision),
            versions=answer.versions,
            arm=answer.arm,
            features_as_of=answer.features_as_of,
            degraded_by=answer.degraded_by,
            override=None if record.override is None else self.masking.override(record.override),
        )

    def what_if(self, question: questions.AskWhatIf) -> WhatIf:
        """Raises UnknownLead, BadInput, NoModel."""
        request = WhatIfRequest(lead_id=question.lead_id, changes=question.changes)
        return self.masking.what_if(self.runtime.what_if(request))

    def next_leads(self, question: questions.NextLeads) -> RankedLeads:
        """Raises BadInput."""
        filters = RankingFilters(
            grade=question.grade, queue=question.queue, min_score=question.min_score
        )
        records, cursor = self.runtime.ranked(filters, limit=question.limit, cursor=question.cursor)
        return RankedLeads(leads=tuple(map(self._ranked, records)), next_cursor=cursor)

    def why_not(self, question: questions.WhyNot) -> Shortfall:
        """Raises UnknownLead, Missing where it was not scored yet."""
        with self.runtime.here() as scoring:
            record = _newest_one(scoring, question.lead_id)
            thresholds = dict(scoring.policy().champion.grades)
        answer = record.answer
        wanted = question.grade or _next_better(answer.grade)
        needed = thresholds.get(wanted, 0.0)
        against = [reason for reason in answer.reasons if reason.contribution < 0]
        decision = self.masking.decision(answer.decision)
        return Shortfall(
            lead_id=answer.lead_id,
            decision_id=answer.decision_id,
            grade=answer.grade,
            wanted=wanted,
            score=answer.score,
            needed=needed,
            short_by=max(0.0, needed - answer.score),
            against=self.masking.reasons(tuple(against[:MOST_REASONS])),
            eligible=decision.eligible,
            action=decision.action,
            rules=decision.rules[:MOST_REASONS],
        )

    def compare_over_time(self, question: questions.CompareOverTime) -> ScoresOverTime:
        """Raises UnknownLead, Missing where it was not scored yet."""
        with self.runtime.here() as scoring:
            lead = scoring.plane.directory.resolve(question.lead_id)
            records = _newest(scoring, lead, question.limit)
        if not records:
            raise _not_scored()
        now, first = records[0], records[-1]
        return ScoresOverTime(
            lead_id=lead.lead_id,
            scores=tuple(map(self._summary, reversed(records))),
            change=now.answer.score - first.answer.score,
            moved=self._moved(first, now),
        )

    def _identifiers(self, scoring: Scoring, lead: LeadRef) -> tuple[ShownIdentifier, ...]:
        directory = scoring.plane.directory
        if not self.masking.personal:
            names = directory.names(lead)[:MOST_VALUES]
            return tuple(ShownIdentifier(kind=kind_of(one.key), value=None) for one in names)
        values = identifiers_of(scoring.plane.engine, directory, lead)
        return tuple(
            ShownIdentifier(kind=self.masking.text(kind), value=self.masking.text(value))
            for kind, value in values
        )

    def _ranked(self, record: DecisionRecord) -> RankedLead:
        answer, decision = record.answer, self.masking.decision(record.answer.decision)
        return RankedLead(
            lead_id=answer.lead_id,
            newest=self._summary(record),
            next_best_action=decision.next_best_action,
            priority=decision.priority,
            reasons=tuple(self.masking.text(r.text) for r in answer.reasons[:3]),
        )

    def _summary(self, record: DecisionRecord) -> ScoreSummary:
        answer, decision = record.answer, self.masking.decision(record.answer.decision)
        return ScoreSummary(
            decision_id=answer.decision_id,
            decided=iso(record.decided_us),
            score=answer.score,
            percentile=answer.percentile,
            grade=answer.grade,
            action=decision.action,
            queue=decision.queue,
            model=answer.versions.model,
            policy=answer.versions.policy,
        )

    def _moved(self, first: DecisionRecord, now: DecisionRecord) -> tuple[ReasonChange, ...]:
        """The reasons whose contribution changed most; a reason that is not told counts as 0."""
        before = {r.feature: r for r in first.answer.reasons}
        after = {r.feature: r for r in now.answer.reasons}
        changes = [
            ReasonChange(
                feature=name,
                was=_contribution(before.get(name)),
                now=_contribution(after.get(name)),
                text=self.masking.text((after.get(name) or before[name]).text),
            )
            for name in sorted(before.keys() | after.keys())
        ]
        moved = [one for one in changes if one.was != one.now]
        return tuple(nlargest(MOST_REASONS, moved, key=lambda one: abs(one.now - one.was)))


def _newest_one(scoring: Scoring, lead_id: str) -> DecisionRecord:
    records = _newest(scoring, scoring.plane.directory.resolve(lead_id), 1)
    if not records:
        raise _not_scored()
    return records[0]


def _newest(scoring: Scoring, lead: LeadRef, most: int) -> list[DecisionRecord]:
    """A lead's newest decisions, newest first."""
    return decisions_about(scoring.trail, scoring.plane.directory, lead, most)[::-1]


def _contribution(reason: Reason | None) -> float:
    return 0.0 if reason is None else reason.contribution


def _next_better(grade: str) -> str:
    place = GRADES.index(grade) if grade in GRADES else len(GRADES)
    return GRADES[max(0, place - 1)]


def _not_scored() -> Missing:
    return Missing(
        "the lead has no recorded score",
        rule="lead-scored",
        todo="Score it: `POST /score`, or `leadscore score KEY`.",
    )


def one_of(*names: str) -> BadInput:
    """The error where none or several of some arguments are given."""
    return BadInput(f"exactly one of {' and '.join(names)} must be given", rule="one-of")
