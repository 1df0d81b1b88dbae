"""Schemas of the configuration files say what the loaders do."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from config.settings import Settings
from domain.errors import LeadscoreError
from jobs.config_schemas import CONFIG_FILES, ConfigFile, config_file, schema_of
from tests.commands import leadscore
from tests.conftest import ROOT
from tests.domain.test_config_numbers import MIGRATING
from tests.domain.test_typed_yaml import CASES, OWNERS

TEXTS = {
    "settings": ["policy: standard\nport: 3000\nidentity: {limits: {email: {phone: 3}}}\n"],
    "training": [path.read_text() for path in sorted(ROOT.glob("examples/*/training.yaml"))],
    "gates": [(ROOT / "registry/gates.yaml").read_text()],
    "cases": [CASES],
    "canary": [(ROOT / "monitoring/canary.yaml").read_text()],
    "triggers": [(ROOT / "monitoring/triggers.yaml").read_text()],
    "connectors": [
        (ROOT / "jobs/effects/connectors.yaml").read_text(),
        (
            "version: 1\nconnectors:\n"
            "  crm: {kind: hubspot, token_file: /a, record: {identifier: crm_id}, "
            "fields: {score: lead_score}}\n"
            "  sf: {kind: salesforce, address: 'https://a.example', client_id: app, "
            "secret_variable: A, record: {field: record}, fields: {grade: Grade__c}}\n"
            "  team: {kind: message, url_variable: TEAM}\n  lines: {kind: file}\n"
        ),
    ],
    "agents": [
        (ROOT / "jobs/agents/agents.yaml").read_text(),
        (
            "version: 2\nagents:\n  router: {connector: crm, action: route, states: [rejected], "
            "queues: [field], approval: guard, when: \"grade == 'A'\", by: model}\n"
            "model: {address: 'https://a.example/v1', name: m, key_file: /k}\n"
        ),
    ],
    "alerts": [
        (ROOT / "jobs/alerts/alerts.yaml").read_text(),
        (
            "version: 2\nlimits: {stale_hours: 3}\nchannels:\n"
            "  team: {url_variable: ALERTS_TEAM, quiet: {from_hour: 18, to_hour: 7}}\n"
            "  on-call: {url_file: /etc/a.url, severities: [page], alarms: [store-away]}\n"
        ),
    ],
    "operate": [(ROOT / "jobs/operate/operate.yaml").read_text()],
    "slo": [(ROOT / "monitoring/slo.yaml").read_text()],
    "report": [(ROOT / "monitoring/reports/report.yaml").read_text()],
    "quality": [(ROOT / "signals/quality.yaml").read_text().replace(" off,", ' "off",')],
    "features": [(ROOT / "feature_repo/services/standard.yaml").read_text()],
    "rollout": [
        "mode: canary\nsteps:\n  - {weight: 0.1}\n  - {weight: 0.5}\nlimits: {p99_ms: 50}\n"
    ],
    "workflow": [(ROOT / "workflow/workflow.yaml").read_text(), MIGRATING],
    "owners": [OWNERS],
    "mapping": [path.read_text() for path in sorted(ROOT.glob("examples/*/mapping.yaml"))],
    "contract": [path.read_text() for path in sorted(ROOT.glob("signals/contracts/*.yaml"))],
}
DOCUMENTS = {
    name: [msgspec.json.decode(msgspec.json.encode(yaml.safe_load(text))) for text in texts]
    for name, texts in TEXTS.items()
}
CHECKS = {c.name: jsonschema.Draft202012Validator(schema_of(c)) for c in CONFIG_FILES}
NAMES = [c.name for c in CONFIG_FILES]


def loader_says(config: ConfigFile, document: Any) -> str:
    """What the loader finds wrong with a document, nothing where it takes it."""
    given = {k: v for k, v in document.items() if k != "home"}
    try:
        msgspec.convert(given, config.kind, dec_hook=lambda kind, value: kind(value))
    except (msgspec.ValidationError, LeadscoreError) as bad:
        return str(bad)
    return ""


def parts(document: Any) -> Iterator[Any]:
    """All maps and lists in a document."""
    if isinstance(document, dict | list):
        yield document
        for inner in document.values() if isinstance(document, dict) else document:
            yield from parts(inner)


@pytest.mark.parametrize("name", NAMES)
def test_a_schema_is_one_and_takes_what_is_read(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(config_file(name)))
    for document in DOCUMENTS[name]:
        assert loader_says(config_file(name), document) == ""
        CHECKS[name].validate(document)


@limits(max_examples=300, deadline=None)
@given(data=st.data())
def test_what_the_loader_takes_the_schema_takes(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS[name])))
    for _ in range(data.draw(st.integers(1, 4))):
        part = data.draw(st.sampled_from(list(parts(document))))
        if part:
            keys = sorted(part) if isinstance(part, dict) else range(len(part))
            key = data.draw(st.sampled_from(list(keys)))
            if data.draw(st.booleans()):
                del part[key]
            else:
                part[key] = data.draw(st.sampled_from([0, -1, 1.5, True, None, "x", [], {}]))
    if loader_says(config_file(name), document) == "":
        CHECKS[name].validate(document)


@limits(max_examples=200, deadline=None)
@given(data=st.data())
def test_an_unknown_key_is_refused_by_both_wherever_it_stands(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(NAMES))
    document = copy.deepcopy(data.draw(st.sampled_from(DOCUMENTS[name])))
    maps = [part for part in parts(document) if isinstance(part, dict)]
    data.draw(st.sampled_from(maps))["no_such_key"] = 1
    assert (loader_says(config_file(name), document) == "") == CHECKS[name].is_valid(document)


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_key_at_the_top_is_refused_by_both(name: str) -> None:
    document = {**DOCUMENTS[name][0], "no_such_key": 1}
    assert "no_such_key" in loader_says(config_file(name), document)
    assert not CHECKS[name].is_valid(document)


@pytest.mark.parametrize("name", NAMES)
def test_every_part_of_a_schema_says_what_it_is(name: str) -> None:
    for title, part in schema_of(config_file(name))["$defs"].items():
        assert part.get("description"), title
        assert not part["description"].startswith(" ")
        assert "enum" in part or part["additionalProperties"] is False, title


@pytest.mark.parametrize("name", ["home", "anchors"])
def test_what_no_homes_file_may_hold_is_in_no_schema(name: str) -> None:
    schema = schema_of(config_file("settings"))
    assert name not in schema["$defs"][Settings.__name__]["properties"]


def test_the_command_lists_the_files_and_prints_a_schema(tmp_path: Path) -> None:
    listed = msgspec.json.decode(leadscore(tmp_path, "schema", "--json").stdout)
    assert [row["name"] for row in listed] == NAMES
    assert all(row["file"] in leadscore(tmp_path, "schema").stdout for row in listed)
    printed = msgspec.json.decode(leadscore(tmp_path, "schema", "gates").stdout)
    assert printed == msgspec.json.decode(msgspec.json.encode(schema_of(config_file("gates"))))


def test_a_name_that_is_none_is_told_those_there_are(tmp_path: Path) -> None:
    said = leadscore(tmp_path, "schema", "gatos")
    assert said.returncode == 3
    assert "gates" in said.stderr
