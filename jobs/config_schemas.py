"""The files that people configure the product with, and the JSON Schema of each, for editors.

A schema (draft 2020-12) is made of the type that the file is read by: what the schema refuses as an
unknown key, the loader refuses too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from inspect import cleandoc
from typing import Any, get_type_hints

import msgspec

from config.settings import NOT_IN_FILE, Settings
from decisions.proof.cases import PolicyCases
from domain.definition import FeatureDefinition
from domain.errors import Missing
from jobs.agents.rules import AgentRules
from jobs.alerts.rules import AlertRules
from jobs.effects.rules import ConnectorRules
from jobs.operate.rules import OperateRules
from monitoring.canary_rule import CanaryRule
from monitoring.objectives import Objectives
from monitoring.reports.rules import ReportRules
from monitoring.triggers import TriggerLimits
from registry.gates import GateRules
from registry.rollout_spec import RolloutSpec
from signals.contracts.odcs import Document
from signals.mapping.spec import MappingFile
from training.config import TrainingConfig
from wiring.quality import Quality
from workflow.chart.spec import WorkflowSpec
from workflow.owners.roster import Roster

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True)
class ConfigFile:
    """One kind of file: its usual name, where it is looked for, what for, and its type."""

    name: str
    file: str
    where: str
    purpose: str
    kind: type


CONFIG_FILES = (
    ConfigFile(
        "settings",
        "settings.yaml",
        "in the home; environment variables win over it",
        "databases, buses, limits, access, logs, identity",
        Settings,
    ),
    ConfigFile(
        "training",
        "training.yaml",
        "leadscore train --config FILE; else in the home; else every default",
        "what a training run learns, and how",
        TrainingConfig,
    ),
    ConfigFile(
        "gates",
        "gates.yaml",
        "in the home; else registry/gates.yaml of the product",
        "what a version must show before it takes a stage",
        GateRules,
    ),
    ConfigFile(
        "canary",
        "canary.yaml",
        "in the home; else monitoring/canary.yaml of the product",
        "when a challenger is no worse than the champion",
        CanaryRule,
    ),
    ConfigFile(
        "triggers",
        "triggers.yaml",
        "in the home; else monitoring/triggers.yaml of the product",
        "when a new version should be trained",
        TriggerLimits,
    ),
    ConfigFile(
        "report",
        "report.yaml",
        "in the home; else monitoring/reports/report.yaml of the product",
        "what the monitoring report holds its figures against, and how many are kept",
        ReportRules,
    ),
    ConfigFile(
        "alerts",
        "alerts.yaml",
        "in the home; else jobs/alerts/alerts.yaml of the product",
        "who hears of which alarms, and from where on something is one",
        AlertRules,
    ),
    ConfigFile(
        "slo",
        "slo.yaml",
        "in the home; else monitoring/slo.yaml of the product",
        "what is promised: objectives, and over how many days a budget goes",
        Objectives,
    ),
    ConfigFile(
        "quality",
        "quality.yaml",
        "in the home, key by key over signals/quality.yaml of the product",
        "what is refused or warned of in events, batches, features and inputs",
        Quality,
    ),
    ConfigFile(
        "features",
        "standard.yaml",
        "leadscore features build --service FILE; a new home begins with the standard.yaml in it, "
        "else with feature_repo/services/standard.yaml of the product",
        "which events feed which features",
        FeatureDefinition,
    ),
    ConfigFile(
        "rollout",
        "rollout.yaml",
        "leadscore rollout start --plan FILE",
        "the steps and limits of a rollout",
        RolloutSpec,
    ),
    ConfigFile(
        "cases",
        "POLICY.cases.yaml",
        "beside a policy's file; else leadscore policy check --cases FILE",
        "leads that a policy must decide as expected",
        PolicyCases,
    ),
    ConfigFile(
        "operate",
        "operate.yaml",
        "in the home; else jobs/operate/operate.yaml of the product",
        "what the operating loop does, and when",
        OperateRules,
    ),
    ConfigFile(
        "connectors",
        "connectors.yaml",
        "in the home; else jobs/effects/connectors.yaml of the product, which has none",
        "whom effects reach, and how",
        ConnectorRules,
    ),
    ConfigFile(
        "agents",
        "agents.yaml",
        "in the home; else jobs/agents/agents.yaml of the product, which has none",
        "which agents look at which leads, and what may come of it",
        AgentRules,
    ),
    ConfigFile(
        "workflow",
        "workflow.yaml",
        "in the home; else workflow/workflow.yaml of the product",
        "states, events, timers and effects of a lead",
        WorkflowSpec,
    ),
    ConfigFile(
        "owners",
        "owners.yaml",
        "in the home; without it leads wait for an owner",
        "who works which queues, how many leads at once, and when",
        Roster,
    ),
    ConfigFile(
        "mapping",
        "mapping.yaml",
        "leadscore ingest FILE --mapping FILE",
        "how the rows of a table become events",
        MappingFile,
    ),
    ConfigFile(
        "contract",
        "TYPE.vN.yaml",
        "in contracts/ of the home, beside signals/contracts of the product",
        "what the data of an event type hold",
        Document,
    ),
)


def config_file(name: str) -> ConfigFile:
    """The kind of file of that name, such as `gates`. Raises Missing, naming those there are."""
    for each in CONFIG_FILES:
        if each.name == name:
            return each
    raise Missing(
        f"there is no configuration file {name!r}",
        rule="schema-name",
        todo=f"One of {', '.join(each.name for each in CONFIG_FILES)}.",
    )


def schema_of(config: ConfigFile) -> dict[str, Any]:
    """Its JSON Schema; the descriptions are the docstrings of the types."""
    schema = msgspec.json.schema(_settings_in_file() if config.kind is Settings else config.kind)
    for part in _parts(schema):
        if isinstance(text := part.get("description"), str):
            part["description"] = cleandoc(text)
    if config.kind is TrainingConfig:  # a date alone is read as midnight UTC
        begin = schema["$defs"][TrainingConfig.__name__]["properties"]["from"]
        begin["anyOf"].append({"type": "string", "format": "date"})
    return {"$schema": DIALECT, "title": f"leadscore: {config.file}", **schema}


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """All objects in a schema."""
    if isinstance(node, dict):
        yield node
    for inner in node.values() if isinstance(node, dict) else node:
        if isinstance(inner, dict | list):
            yield from _parts(inner)


def _settings_in_file() -> type[msgspec.Struct]:
    """The settings without those that no file may hold."""
    hints = get_type_hints(Settings, include_extras=True)
    fields = [
        (f.name, hints[f.name], msgspec.field(default=f.default, name=f.encode_name))
        for f in msgspec.structs.fields(Settings)
        if f.name not in NOT_IN_FILE
    ]
    return msgspec.defstruct(
        Settings.__name__,
        fields,
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": Settings.__doc__},
    )
