"""The quality gates, put together: their rules in one file, their counts for Prometheus."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

import signals
from config.home_files import own_file
from domain.errors import BadConfiguration
from domain.findings import QualityFindings
from feature_repo.quality import FeatureRules
from scoring.model.input_gate import Gates, InputRules
from signals.contracts.contract import Contract
from signals.quality.batch_gate import BatchGate
from signals.quality.event_gate import EventGate
from signals.quality.ingest_gates import IngestGates
from signals.quality.rules import BatchRules, EventRules, ValueRule
from signals.quality.statistics import fields_of
from storage.nearest_names import nearest
from storage.typed_yaml import YamlFile

FILE = "quality.yaml"
PACKAGED = Path(signals.__file__).parent / FILE


class Quality(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The rules in force, gate by gate."""

    events: EventRules = EventRules()
    batches: BatchRules = BatchRules()
    features: FeatureRules = FeatureRules()
    inputs: InputRules = InputRules()

    def door(self, contracts: Iterable[Contract], *, let_through: bool = False) -> IngestGates:
        """What ingestion takes of it; `let_through`: no batch is stopped, only counted."""
        batches = BatchGate(self.batches, let_through=let_through)
        return IngestGates(EventGate(self.events), batches, fields_of(contracts))

    def gates(self, findings: QualityFindings) -> Gates:
        """What scoring takes of it."""
        return Gates(self.features, self.inputs, findings)


class _Loader(yaml.CSafeLoader):
    """YAML in which `off` is the word that it is, not a truth value."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, shape) for tag, shape in pairs if not (first in "oO" and tag.endswith(":bool"))]
    for first, pairs in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_quality(home: Path, contracts: Iterable[Contract] | None = None) -> Quality:
    """The packaged rules, changed by the home's own file.

    With `contracts`, a rule on an event type or a field that none of them has is refused. Raises
    BadConfiguration, naming file, line and key.
    """
    packaged = _read(PACKAGED)
    path = own_file(home, PACKAGED)
    own = packaged if path is None else _read(path)
    merged = _merged(_sections(packaged), _sections(own))
    quality = own.to(Quality, lambda _: merged)
    try:
        if contracts is not None:
            check_value_rules(quality.events.values, contracts)
    except BadConfiguration as bad:
        own.locate(bad)
        raise
    return quality


def check_value_rules(rules: Sequence[ValueRule], contracts: Iterable[Contract]) -> None:
    """Raise BadConfiguration for a rule on a type or a field that no contract has."""
    fields = {contract.name: contract.declared for contract in contracts}
    for i, rule in enumerate(rules):
        key = f"$.events.values[{i}]"
        for kind in rule.types:
            _require(rule, "event type", kind, frozenset(fields), f"{key}.types")
        known = frozenset[str]().union(*(fields[kind] for kind in rule.types or fields))
        _require(rule, "field", rule.field, known, f"{key}.field")
        if rule.not_above is not None:
            _require(rule, "field", rule.not_above, known, f"{key}.not_above")


def _require(rule: ValueRule, what: str, name: str, known: frozenset[str], key: str) -> None:
    if name not in known:
        raise BadConfiguration(
            f"rule {rule.rule!r} refers to an unknown {what}, {name!r}",
            rule="quality-rules",
            key=key,
            todo=f"{nearest(name, known)} `leadscore contracts list` lists event types.",
        )


def _merged(packaged: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Key by key into the sections; a list replaces a list."""
    merged = dict(packaged)
    for key, value in own.items():
        section = merged.get(key)
        if isinstance(section, dict) and isinstance(value, dict):
            value = _merged(section, value)  # noqa: PLW2901
        merged[key] = value
    return merged


def _read(path: Path) -> YamlFile:
    todo = "signals/quality.yaml shows every key."
    return YamlFile(path, "quality-rules", todo=todo, loader=_Loader)


def _sections(file: YamlFile) -> dict[str, Any]:
    document = file.document
    if not isinstance(document, dict | None):
        raise BadConfiguration("no sections of rules", rule=file.rule, where=file.name)
    return document or {}
