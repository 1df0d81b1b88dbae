"""The rules of identity that are in force in a home, to be shown."""

import msgspec

from config.settings import Settings
from domain.identifiers import NAME_KIND, STRENGTH
from signals.identifiers.limits import digit_of
from signals.identifiers.rules import IdentityRules


class RulesInForce(msgspec.Struct, frozen=True, kw_only=True):
    """Limits by kind, the region of telephones, and how long the lists are.

    `limits[a][b]`: with how many of kind b an identifier of kind a may come. `digest` stands for
    all of it; a home notes the one that its identities were made by.
    """

    phone_region: str
    limits: dict[str, dict[str, int]]
    neighbours: int
    lead: dict[str, int]
    consumer_domains: int
    mailboxes: int
    digest: str


def rules_in_force(settings: Settings) -> RulesInForce:
    """What `identity` in the settings comes to."""
    rules: IdentityRules = settings.identity
    in_force = rules.protections
    kinds = {digit_of(kind): str(kind) for kind in (*STRENGTH, NAME_KIND)}
    return RulesInForce(
        phone_region=rules.phone_region,
        limits={
            kinds[digit]: {kinds[other]: most for other, most in limits}
            for digit, limits in in_force.owned.items()
        },
        neighbours=in_force.neighbours,
        lead={kinds[digit]: most for digit, most in in_force.lead.items()},
        consumer_domains=len(rules.consumers),
        mailboxes=len(rules.mailbox_names),
        digest=f"{rules.digest:014x}",
    )
