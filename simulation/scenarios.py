"""The scenarios: how a simulated market behaves, and what goes wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from domain.errors import BadInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """The parameters of a simulated market.

    `late`, `duplicates` and `bad` are shares of all signals; `anonymous` is how many people stay
    unknown, as a share of the leads. From the share
    `shift_from` of the time on, the hazard of a win is multiplied by `conversion`, a lead's fit
    is raised to the power `fit_power`, web and product behaviour are multiplied by `web` and
    `product`, and the share `automatic_opens` of all e-mails is opened by machines. From then on
    the source `broken` loses the share `silent` of its signals and sends the share `malformed`
    with times that have no zone. `shared_mailboxes` and `kiosks` count the declared hard cases of
    identity: mailboxes used by several people of one company, cookies by people of several.
    `hard` is the share of people who meet each of the other hard cases (`simulation.hard_cases`);
    where there are any, the truth says of every sound signal whose it is.
    """

    name: str
    late: float = 0.03
    duplicates: float = 0.01
    bad: float = 0.003
    anonymous: float = 0.25
    shift_from: float = 2 / 3
    conversion: float = 1.0
    fit_power: float = 1.0
    web: float = 1.0
    product: float = 1.0
    automatic_opens: float = 0.0
    broken: str = ""
    silent: float = 0.0
    malformed: float = 0.0
    shared_mailboxes: int = 0
    kiosks: int = 0
    hard: float = 0.0


SCENARIOS: Mapping[str, Scenario] = MappingProxyType(
    {
        scenario.name: scenario
        for scenario in (
            Scenario(name="steady"),
            Scenario(
                name="drift",
                conversion=0.5,
                fit_power=0.25,
                web=0.6,
                product=1.5,
                automatic_opens=0.5,
            ),
            Scenario(name="broken-feed", broken="product", silent=0.6, malformed=0.3),
            Scenario(name="identity", shared_mailboxes=5, kiosks=10, hard=0.05),
        )
    }
)
"""The scenarios by name."""


def scenario(name: str) -> Scenario:
    """The scenario of that name. Raises BadInput naming the known ones."""
    if name not in SCENARIOS:
        raise BadInput(
            f"there is no scenario {name!r}",
            rule="scenario-known",
            todo=f"The known ones are {', '.join(SCENARIOS)}.",
        )
    return SCENARIOS[name]
