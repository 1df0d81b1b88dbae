"""The OpenAPI document is one that validators and generators of clients take."""

import ast
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from serving.http.openapi import describe

BIN = Path(sys.executable).parent


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path: Path = tmp_path_factory.mktemp("openapi") / "openapi.json"
    path.write_bytes(msgspec.json.encode(describe()))
    return path


def generated(*words: object) -> None:
    done = subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stderr


def names(path: Path, kind: type[ast.ClassDef | ast.FunctionDef]) -> set[str]:
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, kind)}


def test_a_validator_finds_nothing(document: Path) -> None:
    errors = OpenAPIV31SpecValidator(msgspec.json.decode(document.read_bytes())).iter_errors()
    assert [error.message for error in errors] == []


def test_a_generator_of_models_takes_it(document: Path, tmp_path: Path) -> None:
    out = tmp_path / "models.py"
    kind = ("--input-file-type", "openapi", "--output-model-type", "pydantic_v2.BaseModel")
    generated(BIN / "datamodel-codegen", "--input", document, *kind, "--output", out)
    schemas = {name for name in describe()["components"]["schemas"] if not name.endswith("Query")}
    assert schemas <= names(out, ast.ClassDef)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import models"
    generated(sys.executable, "-c", program)


def test_a_generator_of_clients_takes_it(document: Path, tmp_path: Path) -> None:
    out = tmp_path / "generated_client"
    generated(BIN / "openapi-python-generator", document, out)
    calls = set().union(
        *(names(path, ast.FunctionDef) for path in (out / "services").glob("*service.py"))
    )
    operations = {o["operationId"] for item in describe()["paths"].values() for o in item.values()}
    assert operations <= calls
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import generated_client"
    generated(sys.executable, "-c", program)
