"""What ingestion says of identifiers that it left out, beside others that it could read."""

from collections import Counter

from domain.findings import QualityFindings
from leadscore.terminal.output import say

_GATE = "identifiers"
_WHY = {
    "identifier-phone-region": "a national number, and no region: set `region` beside the phone's "
    "column in the mapping, or identity.phone_region in the home's settings.yaml",
    "identifier-phone": "no telephone number",
    "identifier-email": "no e-mail address",
    "identifier-empty": "empty",
    "identifier-placeholder": "says that there is none",
    "identifier-type": "no text",
    "identifier-kind": "of an unknown kind",
    "identifier-length": "longer than 512 characters",
}


OTHER_RULES = (
    "identities here were made by other rules or lists than those in force now; "
    "`leadscore features rebuild` makes them anew from the log."
)


def say_left_out(findings: QualityFindings) -> None:
    """Say how many identifiers were left out, by kind and rule, most first.

    Say too where the home's identities were made by other rules.
    """
    counted: Counter[tuple[str, str]] = Counter()
    for (gate, rule, about), count in findings.counts().items():
        if gate == "identity":
            say(OTHER_RULES)
        if gate == _GATE:
            counted[about.rpartition("/")[2], rule] += count
    if not counted:
        return
    say(f"{counted.total():,} identifiers could not be read and were left out of accepted events:")
    for (kind, rule), count in counted.most_common():
        say(f"  {count:,} {kind}: {_WHY.get(rule, 'not readable')} ({rule})")
    say("`leadscore quality show --gate identifiers` shows them by source; docs/identity.md, why.")
