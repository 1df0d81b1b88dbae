"""Every number that people configure has bounds, and what lies outside is refused by line."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadConfiguration, BadInput
from jobs.config_schemas import CONFIG_FILES
from tests.conftest import ROOT
from tests.docs.configuration_page import structs_in
from tests.domain.test_typed_yaml import FILES

NUMBERS = (int, float)
UNBOUNDED = {
    "ValueRule.least",
    "ValueRule.most",
    "Family.where",
    "FieldSpec.constant",
    "FieldSpec.minimum",
    "FieldSpec.maximum",
    "Condition.equals",
    "Condition.in",
    "MappingFile.missing",
    "TableSpec.missing",
    "TableSpec.missing_in",
    "TypeSpec.types",
    "Audit.bins",
}
"""Values of the user's own data, which may be any finite number."""

TRAINING = """
horizon_days: 30
trials: 3
seed: 7
iterations: 50
border_count: 64
max_account_share: 0.1
split: {test_share: 0.3, embargo_days: 5, folds: 3}
fairness:
  {top_share: 0.2, threshold: 0.3, min_rows: 20, groups: [{feature: size, bins: [3.0, 9.0]}]}
"""
SETTINGS = """
port: 3000
events_waiting: 10
features_wait_ms: 10
features_keep: 10
features_keep_s: 10
signals_wait_ms: 10
audit_wait_ms: 10
audit_spool_mb: 10
traces_share: 0.5
rate: 5
burst: 5
identity:
  neighbours: 9
  limits: {email: {phone: 3}}
  lead: {email: 3}
"""
SERVICE = """
service: s
version: 1
half_lives_days: [1.0, 7.0]
families: [{name: a, channel: c, types: [a.b], where: {n: 3}}]
ratios: [{name: r, of: a, over: a, half_life_days: 7.0, prior: 0.1, weight: 2.0}]
"""
ROLLOUT = """
patience_days: 60
holdout: 0.1
steps: [{weight: 0.2, dwell_hours: 3, decisions: 9}]
limits: {error_rate: 0.1, p99_ms: 50, degraded: 0.1, after: 9}
"""
MAPPING = """
name: m
version: 1
source: s
half_lives_days: [1.0, 7.0]
missing: [9]
tables:
- skip_lines: 3
  identifiers: {crm_id: Id}
  time: When
  missing_in: {Price: [9]}
  missing: [8]
  events:
  - type: m.sold
    when: [{column: A, equals: 3}, {column: B, in: [3]}]
    data:
      price: {column: Price, kind: number, minimum: 1, maximum: 9, retention_days: 9}
      c: {constant: 3}
"""
ALERTS = """
version: 1
remind_hours: 24
keep_days: 30
timeout_s: 10
limits: {disk_free_share: 0.1, stale_hours: 6, window_hours: 1, least_decisions: 100}
channels:
  a: {url_variable: A, quiet: {from_hour: 20, to_hour: 7}}
"""
CONNECTORS = (
    "  hook: {kind: webhook, address: 'https://a.example/', secret_variable: A, at_once: 4}\n"
)
MIGRATING = """version: 3
name: short
initial: a
migrates: [{from_version: 1, states: {z: a}}]
rollout: {share: 0.5}
events: {go: {source: person}}
states:
  a:
    timers: {t: {after: {hours: 3}, repeat: 2}}
    effects: [{connector: c, action: d, values: {e: 1.5}}]
    transitions: {go: [{to: b}], t: [{to: b}]}
  b: {final: true}
"""
SAMPLES = {
    "settings.yaml": [SETTINGS],
    "training.yaml": [
        TRAINING + "cutoffs: {rule: every, days: 7}\n",
        "cutoffs: {rule: after, types: [crm.deal_won], delay_hours: 3}\n",
        "cutoffs: {rule: first_contact, delay_hours: 3}\n",
    ],
    "gates.yaml": [FILES["gates.yaml"][1]],
    "canary.yaml": [FILES["canary.yaml"][1]],
    "triggers.yaml": [FILES["triggers.yaml"][1], "version: 1\ndrift_share: 0.2\n"],
    "quality.yaml": [FILES["quality.yaml"][1]],
    "service.yaml": [SERVICE],
    "rollout.yaml": [ROLLOUT],
    "routing.cases.yaml": [FILES["routing.cases.yaml"][1]],
    "operate.yaml": [FILES["operate.yaml"][1]],
    "alerts.yaml": [ALERTS],
    "connectors.yaml": [
        FILES["connectors.yaml"][1].replace("connectors: {}", "connectors:\n") + CONNECTORS
    ],
    "agents.yaml": [
        (
            "version: 1\nagents:\n  collector: {connector: crm, action: ask, states: [new], "
            "leads: 9, seconds: 3, attempts: 2, effects: 4}\n"
            "model: {address: 'https://a.example/v1', name: m, most_tokens: 99}\n"
        )
    ],
    "slo.yaml": [FILES["slo.yaml"][1]],
    "report.yaml": [FILES["report.yaml"][1]],
    "mapping.yaml": [MAPPING],
    "workflow.yaml": [FILES["workflow.yaml"][1], MIGRATING],
    "owners.yaml": [FILES["owners.yaml"][1]],
}
NO_LINE = {"BadMapping"}
"""Errors of a mapping name the place, such as tables[0], where two keys do not fit together."""


def numeric(kind: Any) -> Iterator[tuple[Any, tuple[msgspec.Meta, ...]]]:
    """The numeric types inside a type, each with its bounds."""
    if get_origin(kind) is Annotated:
        base, *metas = get_args(kind)
        if base in NUMBERS:
            yield base, tuple(m for m in metas if isinstance(m, msgspec.Meta))
        else:
            yield from numeric(base)
    elif kind in NUMBERS:
        yield kind, ()
    else:
        for inner in get_args(kind):
            if not isinstance(inner, str | bool | int | float):
                yield from numeric(inner)


def numeric_fields() -> dict[str, list[tuple[msgspec.Meta, ...]]]:
    """The numeric fields of all types that files are read by, with their bounds."""
    found = {}
    for struct in dict.fromkeys(s for c in CONFIG_FILES for s in structs_in(c.kind)):
        hints = get_type_hints(struct, include_extras=True)
        for f in msgspec.structs.fields(struct):
            if bounds := [metas for _, metas in numeric(hints[f.name])]:
                found[f"{struct.__name__}.{f.encode_name}"] = bounds
    return found


def test_every_number_has_a_lower_and_an_upper_bound() -> None:
    fields = numeric_fields()
    assert len(fields) > 60
    loose = {
        name
        for name, kinds in fields.items()
        for metas in kinds
        if not any(m.ge is not None or m.gt is not None for m in metas)
        or not any(m.le is not None or m.lt is not None for m in metas)
    }
    assert loose - UNBOUNDED == set()


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all numbers in a document."""
    pairs = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in pairs:
        if isinstance(value, dict | list):
            yield from leaves(value, (*path, key))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield (*path, key)


PLACES = [
    (name, text, path)
    for name, texts in SAMPLES.items()
    for text in texts
    for path in leaves(yaml.safe_load(text))
]


def test_the_samples_hold_every_number_that_can_be_configured() -> None:
    wanted = {name.partition(".")[2] for name in numeric_fields()}
    held = {str(step) for _, _, path in PLACES for step in path}
    # of contracts: read from their JSON Schema, which tests/signals/test_contracts.py covers
    assert wanted - held - {"types"} == set()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config")


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_as_it_is_is_read(folder: Path, name: str) -> None:
    for text in SAMPLES[name]:
        (folder / name).write_text(text)
        FILES[name][0](folder / name)


ODD = st.sampled_from(
    [-1, 0, 2, math.nan, math.inf, -math.inf, 1e308, -1e308, 10**30, 10**400, 2**63, 0.5, 1e-320]
) | st.floats(allow_nan=True)


def refusal(name: str, path: Path) -> BadInput | None:
    try:
        FILES[name][0](path)
    except BadInput as bad:
        return bad
    return None


@limits(max_examples=400, deadline=None)
@given(place=st.sampled_from(PLACES), value=ODD)
def test_an_odd_number_is_read_or_refused_by_line_and_key(
    folder: Path, place: tuple[str, str, tuple[Any, ...]], value: float
) -> None:
    name, text, path = place
    document = node = yaml.safe_load(text)
    for step in path[:-1]:
        node = node[step]
    node[path[-1]] = value
    (folder / name).write_text(yaml.safe_dump(document))
    bad = refusal(name, folder / name)
    if bad is None:
        assert isinstance(value, int) or math.isfinite(value)
        return
    said = str(bad)
    assert bad.rule, said
    assert bad.where.startswith(name), said
    assert ", line " in bad.where or type(bad).__name__ in NO_LINE, said
    # of a map, msgspec says which one, not which entry
    named = any(step in said for step in path if isinstance(step, str))
    assert named or "is not a finite number" in said, said


@pytest.mark.parametrize(
    ("name", "text", "line", "what"),
    [
        ("quality.yaml", "features:\n  stale_days: -1\n", 2, "stale_days"),
        ("quality.yaml", "inputs:\n  least_rows: 0\n", 2, "least_rows"),
        (
            "quality.yaml",
            "events:\n  values:\n  - {rule: r, field: f, least: 2, most: 1}\n",
            3,
            "most",
        ),
        ("training.yaml", "trials: 3\nseed: -1\n", 2, "seed"),
        ("triggers.yaml", "version: 1\ndrift_share: 1.5\n", 2, "drift_share"),
        ("settings.yaml", "policy: standard\nport: 70000\n", 2, "port"),
    ],
)
def test_nonsense_is_refused(folder: Path, name: str, text: str, line: int, what: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        FILES[name][0](folder / name)
    assert caught.value.where == f"{name}, line {line}"
    assert what in str(caught.value)


def test_the_packaged_files_are_within_the_bounds() -> None:
    for name in ("registry/gates.yaml", "monitoring/canary.yaml", "monitoring/triggers.yaml"):
        path = ROOT / name
        FILES[path.name][0](path)
