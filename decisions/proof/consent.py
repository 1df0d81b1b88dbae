"""Whether who refuses to be marketed to is left alone."""

from collections.abc import Iterator

from decisions.policy.lint import PolicyFinding
from decisions.proof.subject import MOST_TOLD, Subject, finding, in_words


def consent(subject: Subject) -> Iterator[PolicyFinding]:
    """Leads who refuse to be marketed to, and are: eligible, or given what eligible leads are."""
    terms, fact = subject.declared.consent, subject.declared.consent.fact
    wanted = [subject.answer["eligible"], subject.answer["action"]]
    if fact not in subject.cells:
        return
    walk = subject.walk(subject.before(wanted), [*wanted, fact])
    ends = [(dict(side[0].kept), trace) for side, (trace, _) in walk.run(subject.each).ends.items()]
    marketed = {str(k[wanted[1]]) for k, _ in ends if k[wanted[0]] and k[fact] not in terms.refused}
    spared = {str(k[wanted[1]]) for k, _ in ends if not k[wanted[0]]} - marketed
    kinds: set[str] = set()
    for kept, trace in ends:
        lead = subject.lead(trace) if kept[fact] in terms.refused else None
        if lead is None or str(lead.decision.rules) in kinds:
            continue
        kinds.add(str(lead.decision.rules))
        if lead.decision.eligible:
            why = "is eligible"
        elif lead.decision.action in marketed and spared:
            why = f"gets the action {lead.decision.action!r}, as eligible leads do"
        else:
            continue
        if len(kinds) <= MOST_TOLD:
            what = f"a lead with {in_words(lead)} refuses, and {why}"
            yield finding("consent", ", ".join(lead.decision.rules), what, lead)
