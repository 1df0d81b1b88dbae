"""What a person makes of a proposal: it is done under their name, or refused."""

import msgspec

from config.settings import Settings
from decisions.audit.assistant_journal import AssistantJournal, JournalDraft, JournalEntry
from domain.clock import SystemClock, parse_iso, to_us
from domain.errors import BadInput, Missing, Refused
from domain.identifiers import STRENGTH
from domain.ports import LeadRef
from domain.signals import Signal
from jobs.assistants.proposals import OUTCOME, POLICY, policy_on_disk
from jobs.workflow.home import open_leads
from signals.identity.known_values import identifiers_of
from storage.sql import take_write_lock
from wiring.policies import register
from wiring.signals import SignalPlane, open_signals
from wiring.workflow import open_workflow
from workflow.effect import Effect
from workflow.outbox.enqueue import enqueue

AGENT_EFFECT = "agent_effect"
"""What an agent's proposal is called in the journal: an effect that waits for a person."""
SOURCE = "assistant"
"""The source of events that proposals of assistants became."""


def accept(
    settings: Settings, journal: AssistantJournal, number: int, *, by: str, reason: str
) -> str:
    """Do what is proposed, in the name of `by`; what was done, in a sentence.

    A policy is registered as a candidate; an outcome comes in as an event of the source
    `assistant`; an agent's effect waits for delivery, if the lead is still eligible. Raises
    Missing, Refused where it is resolved, or the event or the effect is, BadConfiguration.
    """
    _check_reason(reason)
    proposal = journal.proposal(number)
    sentence = (
        _agent_effect(settings, proposal)
        or _policy(settings, proposal, by)
        or _outcome(settings, proposal)
    )
    journal.append(_resolution(proposal, "accepted", by, reason))
    return sentence


def refuse(journal: AssistantJournal, number: int, *, by: str, reason: str) -> None:
    """Refuse a proposal. Raises Missing, Refused where it is resolved."""
    _check_reason(reason)
    journal.append(_resolution(journal.proposal(number), "refused", by, reason))


def _agent_effect(settings: Settings, proposal: JournalEntry) -> str:
    """Ask for an effect that an agent proposed; the same proposal asks for the same one, once."""
    if proposal.tool != AGENT_EFFECT:
        return ""
    document = proposal.document
    lead = open_leads(settings).get(document["lead_id"])
    if not lead.facts.eligible:
        raise Refused(
            "the lead is not eligible any more",
            rule="lead-eligible",
            todo=f"leadscore proposals refuse {proposal.sequence} --reason TEXT",
        )
    created_us = to_us(SystemClock().now())
    effect = Effect(action_id=document["key"], created_us=created_us, **document)
    with open_workflow(settings).begin() as connection:
        take_write_lock(connection, 0)
        enqueue(connection, [effect])
    return f"effect {effect.key} for {effect.connector} waits for delivery"


def _policy(settings: Settings, proposal: JournalEntry, by: str) -> str:
    if proposal.tool != POLICY:
        return ""
    with policy_on_disk(settings, proposal.document["policy"]) as path:
        version = register(settings, path, by)
    return f"registered {version.label}, stage {version.stage}"


def _outcome(settings: Settings, proposal: JournalEntry) -> str:
    if proposal.tool != OUTCOME:
        raise Refused("the proposal is of a kind that this version does not know", rule="proposal")
    plane = open_signals(settings)
    signal = _event(plane, proposal)
    receipt = plane.ingest.receive([msgspec.json.encode(signal)], "proposal")
    if receipt.refused:
        refused = receipt.refused[0]
        raise Refused(refused.detail, rule=refused.rule, todo="It is kept in quarantine.")
    return f"{proposal.document['outcome']} of {proposal.document['lead_id']} is in the log"


def _event(plane: SignalPlane, proposal: JournalEntry) -> Signal:
    """The event of an outcome: the same proposal makes the same one, which is logged once."""
    document = proposal.document
    types = {outcome.name: outcome.types for outcome in plane.definition.outcomes}
    lead = plane.directory.resolve(document["lead_id"])
    return Signal(
        id=f"proposal-{proposal.sequence}",
        source=SOURCE,
        type=types[document["outcome"]][0],
        time=parse_iso(document["at"]),
        identifiers=_strongest(plane, lead),
    )


def _strongest(plane: SignalPlane, lead: LeadRef) -> dict[str, str]:
    """The lead's strongest identifier, as its own newest events state it."""
    known = identifiers_of(plane.engine, plane.directory, lead)
    named = [(kind, value) for kind, value in known if kind in STRENGTH]
    if not named:
        raise Missing("the lead's newest events name nobody", rule="identifier-known")
    kind, value = min(named, key=lambda one: list(STRENGTH).index(one[0]))  # type: ignore[arg-type]
    return {kind: value}


def _resolution(proposal: JournalEntry, outcome: str, by: str, reason: str) -> JournalDraft:
    return JournalDraft(
        kind="resolution",
        caller=by,
        tool=proposal.tool,
        outcome=outcome,
        resolves=proposal.sequence,
        reason=reason.strip(),
    )


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise BadInput("A change needs a reason.", rule="reason-given", todo="Give --reason TEXT.")
