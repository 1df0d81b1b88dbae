"""The client is a distribution of its own: its types are the service's, it needs two libraries."""

import inspect
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import msgspec
import pytest

from domain.signals import Signal
from leadscore_client import AsyncClient, Client, types
from serving.http.openapi import describe
from serving.http.openapi_schemas import DESCRIBED
from tests.conftest import ROOT

CLIENT = ROOT / "client"
NAMED = {"Signal": "Event", "LeadsPage": ""}
"""What is called otherwise here; a page of leads is typed here, and was an object there."""


def bare(schema: Any) -> Any:
    """A schema without the words that describe it, and without the bounds of what is sent."""
    if isinstance(schema, dict):
        left = {"description", "title", "minLength", "maxLength", "pattern", "minimum", "maximum"}
        left |= {"exclusiveMinimum"}
        return {
            name: bare(value)
            for name, value in schema.items()
            if name not in left or isinstance(value, dict)
        }
    return [bare(one) for one in schema] if isinstance(schema, list) else schema


def schemas(kinds: list[Any]) -> dict[str, Any]:
    return msgspec.json.schema_components(kinds, ref_template="{name}")[1]


def test_types_are_those_of_the_service() -> None:
    theirs = schemas([kind for kind in DESCRIBED if "Request" not in kind.__name__])
    kinds = [kind for _, kind in inspect.getmembers(types, inspect.isclass)]
    mine = schemas([k for k in kinds if issubclass(k, msgspec.Struct) and k is not msgspec.Struct])
    compared = 0
    for name, schema in theirs.items():
        known = NAMED.get(name, name)
        if not known or name.endswith(("Query", "Action")):  # what is sent
            continue
        assert bare(mine[known]) == bare(schema), name
        compared += 1
    assert compared >= 20
    assert {"LeadsPage", "Problem", "Receipt"} <= mine.keys()


def test_both_clients_have_the_same_calls() -> None:
    def public(kind: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in inspect.getmembers(kind, inspect.isfunction)
            if not name.startswith("_")
        }

    one, other = public(Client), public(AsyncClient)
    other["close"] = other.pop("aclose")
    assert one == other


def test_every_operation_of_the_service_has_a_call() -> None:
    probes = {"livez", "readyz", "metrics"}
    operations = {o["operationId"] for item in describe()["paths"].values() for o in item.values()}
    calls = {name for name, _ in inspect.getmembers(Client, inspect.isfunction)}
    assert operations - probes - calls == {"events"}  # `send_events`


def test_every_field_of_a_lead_is_typed(http: httpx.Client) -> None:
    page = describe()["paths"]["/leads"]["get"]["responses"]["200"]["content"]["application/json"]
    msgspec.convert(page["example"], types.LeadsPage)
    assert issubclass(Signal, msgspec.Struct)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built wheel, unpacked where nothing of the product is."""
    folder = tmp_path_factory.mktemp("client")
    build = [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--no-build-isolation"]
    command = [*build, "--offline", "--out-dir", str(folder), str(CLIENT)]
    subprocess.run(command, check=True, timeout=300)
    (wheel,) = folder.glob("leadscore_client-*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
        names = archive.namelist()
    assert "leadscore_client/py.typed" in names
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"leadscore_client"}
    return folder / "site"


def test_it_loads_its_two_libraries_and_nothing_of_the_product(installed: Path) -> None:
    program = (
        "import sys, leadscore_client; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=installed,
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    assert {"leadscore_client", "httpx", "msgspec"} <= loaded
    heavy = {"domain", "serving", "bentoml", "numpy", "pandas", "catboost", "pydantic", "feast"}
    assert not loaded & heavy


def test_its_dependencies_are_two() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    assert [line.partition(">=")[0] for line in project["dependencies"]] == ["httpx", "msgspec"]
    own = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["version"] == own["version"]
    floors = {line.partition(">=")[0]: line for line in own["dependencies"]}
    assert all(floors[line.partition(">=")[0]] == line for line in project["dependencies"])
