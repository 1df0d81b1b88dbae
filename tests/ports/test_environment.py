"""Variables of the environment: what is no setting is said, and settings are refused by name."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import VARIABLES, unknown_variables
from config.settings import NOT_IN_FILE, Settings, load_settings
from domain.errors import BadConfiguration


def test_every_setting_of_one_value_has_a_variable() -> None:
    settings = set(Settings.__struct_encode_fields__) - {"identity"}
    assert set(VARIABLES.values()) == settings
    assert all(f"LEADSCORE_{name.upper()}" == v for v, name in VARIABLES.items())


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("LEADSCORE_ACCES", "LEADSCORE_ACCESS"),
        ("LEADSCORE_JWT_ISUER", "LEADSCORE_JWT_ISSUER"),
        ("LEADSCORE_SIGNAL_DB", "LEADSCORE_SIGNALS_DB"),
        ("LEADSCORE_QQQ", "docs/configuration.md"),
    ],
)
def test_a_variable_that_is_no_setting_is_told_with_the_nearest(name: str, meant: str) -> None:
    (sentence,) = unknown_variables({name: "x", "LEADSCORE_HOME": "h", "HOME": "y"})
    assert sentence.startswith(f"{name} is no setting")
    assert meant in sentence
    assert "x" not in sentence.split(name)[1].split()


@pytest.mark.parametrize(
    "name",
    [
        *VARIABLES,
        "LEADSCORE_USER",
        "LEADSCORE_SERVICE_HOST",
        "LEADSCORE_PORT_3000_TCP_ADDR",
        "LEADSCORE_CANARY_SERVICE_PORT_HTTP",
        "LEADSCORE_CANARY_PORT",
    ],
)
def test_what_is_meant_for_somebody_is_not_told(name: str) -> None:
    assert unknown_variables({name: "x"}) == []


def test_a_command_says_so_in_one_line_and_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "leadscore", "schema", "gates"],
        env={**os.environ, "LEADSCORE_HOME": str(tmp_path), "LEADSCORE_PROT": "9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout)
    said = "LEADSCORE_PROT is no setting and changes nothing. Did you mean LEADSCORE_PORT?"
    assert done.stderr.splitlines() == [f"leadscore: {said}"]


def test_a_service_says_so_in_its_log(tmp_path: Path) -> None:
    code = "from telemetry.logs import configure_logs; configure_logs('json')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "LEADSCORE_HOME": str(tmp_path), "LEADSCORE_PROT": "9"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    (line,) = [json.loads(text) for text in done.stderr.splitlines()]
    assert (line["level"], line["logger"]) == ("warning", "leadscore.settings")
    assert "LEADSCORE_PORT" in line["message"]


@pytest.mark.parametrize(
    ("variables", "where", "told"),
    [
        ({"LEADSCORE_PORT": "tcp://10.0.0.1:3000"}, "LEADSCORE_PORT", "int"),
        ({"LEADSCORE_PORT": "70000"}, "LEADSCORE_PORT", "65535"),
        ({"LEADSCORE_LOGS": "xml"}, "LEADSCORE_LOGS", "text, json"),
        ({"LEADSCORE_RATE": "nan"}, "LEADSCORE_RATE", "rate"),
        ({"LEADSCORE_BUS": "http://h"}, "LEADSCORE_BUS", "nats://"),
        ({"LEADSCORE_JWT_ISSUER": "i"}, "LEADSCORE_JWT_ISSUER", "jwt_audience"),
    ],
)
def test_a_settings_error_names_the_variable_and_the_rule(
    variables: dict[str, str], where: str, told: str
) -> None:
    with pytest.raises(BadConfiguration) as refused:
        load_settings(variables)
    assert (refused.value.where, refused.value.rule) == (where, "settings")
    assert told in str(refused.value)
    assert not any(name in str(refused.value).split() for name in NOT_IN_FILE)


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("clock: system\nprot: 1\n", 2, "Did you mean port?"),
        ("clock: sundial\n", 1, "system, watermark"),
        ("clock: system\nbus: http://h\n", 2, "nats://"),
        ("clock: system\ntls_key: k.pem\n", 2, "tls_certificate"),
    ],
)
def test_a_settings_error_names_the_line(tmp_path: Path, text: str, line: int, told: str) -> None:
    (tmp_path / "settings.yaml").write_text(text)
    with pytest.raises(BadConfiguration) as refused:
        load_settings({"LEADSCORE_HOME": str(tmp_path)})
    assert refused.value.where == f"settings.yaml, line {line}"
    assert told in str(refused.value)
    assert not any(name in str(refused.value).split() for name in NOT_IN_FILE)
