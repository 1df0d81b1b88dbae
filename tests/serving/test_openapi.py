"""The API's description is valid, whole, and its examples are what it says they are."""

from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import pytest
from fastapi.openapi.models import OpenAPI

from serving.auth.middleware import NEEDED
from serving.auth.open_paths import DOCS, OPEN
from serving.http.openapi import describe
from serving.http.openapi_schemas import DESCRIBED
from serving.problems import MEDIA_TYPE
from serving.service import PATHS


def test_the_document_is_valid_openapi() -> None:
    OpenAPI.model_validate(describe())


def references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"]} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(references, part.values()))
    return set().union(*map(references, part)) if isinstance(part, list) else set()


def test_every_reference_leads_somewhere() -> None:
    known = {f"#/components/schemas/{name}" for name in describe()["components"]["schemas"]}
    assert references(msgspec.to_builtins(describe())) <= known


def test_operation_ids_differ() -> None:
    ids = [o["operationId"] for item in describe()["paths"].values() for o in item.values()]
    assert len(set(ids)) == len(ids)


def test_the_running_service_serves_it(http: httpx.Client) -> None:
    assert http.get("/docs.json").json() == msgspec.json.decode(msgspec.json.encode(describe()))


def test_it_names_all_that_is_served() -> None:
    named = set(describe()["paths"]) - {"/decisions/{decision_id}"}
    assert PATHS - named == {"/docs.json", "/schema.json", "/healthz"} | DOCS
    assert named <= PATHS


TYPES = {kind.__name__: kind for kind in DESCRIBED}


def contents() -> list[tuple[str, dict[str, Any]]]:
    found = []
    for path, item in describe()["paths"].items():
        for operation in item.values():
            held = [operation.get("requestBody", {}), *operation["responses"].values()]
            found += [(path, part) for one in held for part in one.get("content", {}).items()]
    return [(path, part[1]) for path, part in found if part[0] != "text/plain"]


@pytest.mark.parametrize(("path", "content"), contents())
def test_every_body_has_examples_that_fit_its_schema(path: str, content: dict[str, Any]) -> None:
    shown = [e["value"] for e in content.get("examples", {}).values()]
    shown += [content["example"]] if "example" in content else []
    assert shown, path
    if "$ref" not in content["schema"]:
        assert content["schema"]["type"] == "array"
        assert all(isinstance(example, list) for example in shown)
        return
    kind = TYPES[content["schema"]["$ref"].rpartition("/")[2]]
    for example in shown:
        msgspec.json.decode(msgspec.json.encode(example), type=kind)


def test_bentomls_own_schema_names_the_same_endpoints(http: httpx.Client) -> None:
    routes = {route["route"]: route for route in http.get("/schema.json").json()["routes"]}
    assert set(routes) == {"/score", "/score_batch", "/what_if", "/events"}
    assert "lead_id" in routes["/score"]["input"]["properties"]


def operations() -> list[tuple[str, dict[str, Any]]]:
    return [(path, held) for path, item in describe()["paths"].items() for held in item.values()]


@pytest.mark.parametrize(("path", "operation"), operations())
def test_it_names_the_scope_that_is_asked_for(path: str, operation: dict[str, Any]) -> None:
    schemes = describe()["components"]["securitySchemes"]
    path = path.partition("/{")[0]
    if path in OPEN:
        assert operation["security"] == []
        return
    needed = NEEDED[path]
    assert operation["security"] == [{kind: [str(needed)]} for kind in schemes]
    assert {"401", "403", "429", "503"} <= operation["responses"].keys()


@pytest.mark.parametrize(("path", "operation"), operations())
def test_the_example_of_a_problem_is_of_its_status(path: str, operation: dict[str, Any]) -> None:
    for status, answer in operation["responses"].items():
        for media, content in answer["content"].items():
            if media == MEDIA_TYPE:
                assert content["example"]["status"] == int(status), path
                assert content["example"]["title"] == HTTPStatus(int(status)).phrase
