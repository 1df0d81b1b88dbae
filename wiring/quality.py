"""The quality gates, put together: their rules in one file, their counts for Prometheus."""

from collections.abc import Iterable, Mapping
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
from signals.quality.rules import BatchRules, EventRules
from signals.quality.statistics import fields_of
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
    first: [(tag, shape) for tag, shape in held if not (first in "oO" and tag.endswith(":bool"))]
    for first, held in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def load_quality(home: Path) -> Quality:
    """The packaged rules, changed by the home's own file. Raises BadConfiguration."""
    packaged = _read(PACKAGED)
    path = own_file(home, PACKAGED)
    own = packaged if path is None else _read(path)
    merged = _merged(_sections(packaged), _sections(own))
    return own.to(Quality, lambda _: merged)


def _merged(packaged: dict[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Key by key into the sections; a list replaces a list."""
    merged = dict(packaged)
    for key, value in own.items():
        held = merged.get(key)
        if isinstance(held, dict) and isinstance(value, dict):
            value = _merged(held, value)  # noqa: PLW2901
        merged[key] = value
    return merged


def _read(path: Path) -> YamlFile:
    todo = "signals/quality.yaml shows every key."
    return YamlFile(path, "quality-rules", todo=todo, loader=_Loader)


def _sections(file: YamlFile) -> dict[str, Any]:
    held = file.document
    if not isinstance(held, dict | None):
        raise BadConfiguration("no sections of rules", rule=file.rule, where=file.name)
    return held or {}
