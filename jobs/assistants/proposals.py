"""What assistants propose, and what a person makes of it. A proposal decides nothing.

A policy and an outcome wait in the journal of assistants until a person accepts or refuses them by
`leadscore proposals`. A promotion waits in the ledger, as any that a second person must approve.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from config.settings import Settings
from decisions.audit.assistant_journal import AssistantJournal, JournalDraft, JournalEntry
from decisions.policy.policy import PolicyFile
from domain.clock import iso, parse_iso, to_us
from domain.errors import BadInput
from jobs.assistants import questions
from jobs.assistants.answers import Proposed, RequestedPromotion
from jobs.assistants.caller import ToolCaller
from jobs.assistants.masking import Masking
from jobs.models.promote import ask
from registry.promotion import Candidate
from storage.files import private_folder
from storage.owned_folder import owned_folder
from wiring.decisions import in_force
from wiring.policies import compare_files, reviewed
from wiring.registry import open_by_credential
from wiring.serving import ServingRuntime

POLICY, OUTCOME = "propose_policy", "record_outcome"
LARGEST_POLICY = 256 << 10
"""Bytes of a policy's file that is proposed."""
MOST_FINDINGS = 20


@dataclass(frozen=True, slots=True)
class ProposalTools:
    """The tools on one home, for one caller."""

    settings: Settings
    runtime: ServingRuntime
    journal: AssistantJournal
    caller: ToolCaller
    masking: Masking

    def propose_policy(self, question: questions.ProposePolicy) -> Proposed:
        """Raises BadInput, BadConfiguration for a policy that cannot be read or run."""
        with policy_on_disk(self.settings, question.policy) as path:
            findings = reviewed(self.settings, path)
            changes = len(compare_files(in_force(self.settings), (None, path)))
        entry = self._propose(POLICY, {"policy": question.policy}, question.reason)
        return Proposed(
            number=entry.sequence,
            waits_for="a person who registers it as a candidate",
            how=f"leadscore proposals accept {entry.sequence} --reason TEXT",
            findings=tuple(
                self.masking.text(f"{one.rule}: {one.what}") for one in findings[:MOST_FINDINGS]
            ),
            changes=changes,
        )

    def request_promotion(self, question: questions.RequestPromotion) -> RequestedPromotion:
        """Raises Missing, GateRefusal where a gate fails, Refused where it is champion already."""
        registry = open_by_credential(self.settings, question.kind, self.caller.credential)
        try:
            done = ask(
                self.settings,
                Candidate(registry, question.version),
                by=f"assistant of {self.caller.credential}",
                reason=self.masking.text(question.reason, 1_000),
                changes=question.changes,
            )
            waiting = registry.standing().requests[done.version.label]
        finally:
            registry.ledger.close()
        return RequestedPromotion(
            version=done.version.label,
            kind=question.kind,
            sequence=waiting.sequence,
            gates={gate.name: gate.passed for gate in done.gates},
            how=f"another credential: leadscore approve {done.version.label} --reason TEXT",
        )

    def record_outcome(self, question: questions.RecordOutcome) -> Proposed:
        """Raises UnknownLead, BadInput."""
        with self.runtime.here() as scoring:
            lead = scoring.plane.directory.resolve(question.lead_id)
            names = [outcome.name for outcome in scoring.plane.definition.outcomes]
            now_us = to_us(scoring.clock.now())
        if question.outcome not in names:
            raise BadInput(
                "no outcome has that name",
                rule="outcome-known",
                todo=f"It is {' or '.join(names)}.",
            )
        at_us = now_us if question.at is None else _moment(question.at)
        if at_us > now_us:
            raise BadInput("`at` is in the future", rule="outcome-time", todo="Leave it out.")
        document = {"lead_id": lead.lead_id, "outcome": question.outcome, "at": iso(at_us)}
        entry = self._propose(OUTCOME, document, question.reason)
        return Proposed(
            number=entry.sequence,
            waits_for="a person who confirms that it happened",
            how=f"leadscore proposals accept {entry.sequence} --reason TEXT",
        )

    def _propose(self, tool: str, document: dict[str, Any], reason: str) -> JournalEntry:
        return self.journal.append(
            JournalDraft(
                kind="proposal",
                caller=self.caller.credential,
                transport=self.caller.transport,
                tool=tool,
                outcome="waits",
                document=document,
                reason=Masking(personal=False).text(reason, 1_000),
            )
        )


@contextmanager
def policy_on_disk(settings: Settings, policy: dict[str, Any]) -> Iterator[Path]:
    """A policy as a file, for the checks and the registry; it is gone afterwards.

    Raises BadInput where it is no policy's file, or too large.
    """
    content = msgspec.json.encode(policy)
    if len(content) > LARGEST_POLICY:
        raise BadInput(
            f"the policy has {len(content):,} bytes, may have {LARGEST_POLICY:,}",
            rule="policy-size",
        )
    try:
        file = msgspec.json.decode(content, type=PolicyFile)
    except msgspec.DecodeError as bad:
        raise BadInput(
            "not a policy's file", rule="policy-file", todo="See docs/glossary.md for its fields."
        ) from bad
    private_folder(settings.home)
    with owned_folder(settings.home, "policy") as folder:
        path = folder / f"{file.name}.json"
        path.write_bytes(content)
        yield path


def _moment(text: str) -> int:
    try:
        return to_us(parse_iso(text))
    except ValueError:
        raise BadInput(
            "`at` is not a moment", rule="rfc-3339", todo="Write it as 2026-03-01T12:00:00Z."
        ) from None
