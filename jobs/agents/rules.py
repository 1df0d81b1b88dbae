"""Which agents look at which leads, and what may come of it: `agents.yaml`, and how it is read."""

from pathlib import Path
from typing import Annotated, Literal

import msgspec

from config.home_files import rules_file
from config.secret_places import VariableName
from config.settings import Settings
from domain.errors import BadConfiguration
from storage.config_numbers import FileVersion
from storage.typed_yaml import read_typed
from workflow.agents.contract import AgentRole
from workflow.agents.gate import Approval
from workflow.chart.guards import Guard
from workflow.connectors.address_guard import networks
from workflow.effect import EffectName

STANDARD_FILE = Path(__file__).with_name("agents.yaml")
TODO = "docs/agents.md tells every key."
Listed = Annotated[tuple[str, ...], msgspec.Meta(max_length=100)]


class AgentRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One role at work.

    `by`: rules, or the language model. It looks at leads in `states`, at most `leads` a run. A
    proposal that is let through asks for an effect of `connector` and `action`. `approval`:
    `person`, each waits for one; `guard`, it is done where `when` holds, but for texts, which
    always wait. `when` is a condition on the lead's facts, in the language of policies; where it
    does not hold, proposals are refused. `signals`, `queues` and `owners` are all that may be
    proposed. Budgets: `seconds` and `attempts` a lead, `effects` a run.
    """

    connector: EffectName
    action: EffectName
    states: Annotated[tuple[str, ...], msgspec.Meta(min_length=1, max_length=50)]
    by: Literal["rules", "model"] = "rules"
    approval: Approval = "person"
    when: str = "eligible"
    signals: Listed = ()
    queues: Listed = ()
    owners: Listed = ()
    leads: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 50
    seconds: Annotated[float, msgspec.Meta(ge=0.1, le=300)] = 20.0
    attempts: Annotated[int, msgspec.Meta(ge=1, le=10)] = 2
    effects: Annotated[int, msgspec.Meta(ge=0, le=1_000)] = 20


class ModelRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The language model that agents are by: an address of the shape that OpenAI's set.

    `/chat/completions` is asked below `address`. The key is in `key_variable` or `key_file`, if
    there is one. `private_networks` (CIDR) may be reached though they are not public.
    """

    address: Annotated[str, msgspec.Meta(pattern=r"^https?://[^\s@]+$", max_length=2_048)]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
    key_variable: VariableName | None = None
    key_file: str | None = None
    private_networks: tuple[str, ...] = ()
    most_tokens: Annotated[int, msgspec.Meta(ge=16, le=8_192)] = 500

    def __post_init__(self) -> None:
        """Refuse two keys, and networks that are none."""
        if self.key_variable is not None and self.key_file is not None:
            raise ValueError("has one of key_variable and key_file")
        networks(self.private_networks)


class AgentRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `agents.yaml`: the roles that are at work, and the model, if one is asked."""

    version: FileVersion
    agents: dict[AgentRole, AgentRule] = {}
    model: ModelRule | None = None

    def __post_init__(self) -> None:
        """Refuse a model that is asked and not named, and guards that are none."""
        for role, rule in self.agents.items():
            Guard(rule.when, f"$.agents.{role}.when")
            if rule.by == "model" and self.model is None:
                raise BadConfiguration(
                    f"{role} is by the model, and `model` names none",
                    rule="agents",
                    key=f"$.agents.{role}.by",
                    todo=TODO,
                )


def load_agents(settings: Settings) -> AgentRules:
    """The home's own rules, or the standard ones, which have no agent. Raises BadConfiguration."""
    return read_typed(rules_file(settings, STANDARD_FILE), AgentRules, "agents", todo=TODO)
