"""One small simulation of each scenario, written once, read and judged by the contracts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from domain.signals import Signal, decode
from simulation.scenarios import SCENARIOS
from simulation.simulator import simulate
from simulation.writer import Written, write

CONTRACTS = Path(__file__).parents[2] / "signals" / "contracts"
DAYS = 180
END = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=DAYS)
PYTHON_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float)}

Fields = list[dict[str, Any]]


class Files(msgspec.Struct, frozen=True):
    """What was written: each line as judged, the sound signals each once, the truth by kind."""

    written: Written
    lines: list[bytes]
    judged: list[Signal | None]
    good: list[Signal]
    people: list[dict[str, Any]]
    cutoffs: list[dict[str, Any]]
    counts: dict[str, Any]


def contracts() -> dict[str, Fields]:
    documents = [yaml.safe_load(path.read_text()) for path in CONTRACTS.glob("*.yaml")]
    return {d["name"]: d["schema"][0]["properties"] for d in documents}


def holds(field: dict[str, Any], value: Any) -> bool:
    bounds = field.get("logicalTypeOptions", {})
    allowed = [p["value"] for p in field["customProperties"] if p["property"] == "enum"]
    return (
        isinstance(value, PYTHON_TYPES[field["logicalType"]])
        and bounds.get("minimum", value) <= value <= bounds.get("maximum", value)
        and (not allowed or value in allowed[0])
    )


def fits(signal: Signal, fields: Fields) -> bool:
    """What a contract asks: required fields, types, bounds, enumerations, nothing else."""
    named = {field["name"]: field for field in fields}
    required = {name for name, field in named.items() if field.get("required")}
    return required <= signal.data.keys() <= named.keys() and all(
        holds(named[name], value) for name, value in signal.data.items()
    )


def judge(line: bytes, known: dict[str, Fields]) -> Signal | None:
    try:
        signal = decode(line)
    except msgspec.DecodeError:
        return None
    if signal.type not in known or signal.time > END:
        return None
    return signal if fits(signal, known[signal.type]) else None


def read(written: Written) -> Files:
    by_kind: dict[str, list[dict[str, Any]]] = {"person": [], "cutoff": [], "counts": []}
    for line in written.truth.read_bytes().splitlines():
        document = msgspec.json.decode(line)
        by_kind[document["kind"]].append(document)
    (counts,) = by_kind["counts"]
    lines, known = written.signals.read_bytes().splitlines(), contracts()
    judged = [judge(line, known) for line in lines]
    once = {line: signal for line, signal in zip(lines, judged, strict=True) if signal is not None}
    return Files(
        written=written,
        lines=lines,
        judged=judged,
        good=list(once.values()),
        people=by_kind["person"],
        cutoffs=by_kind["cutoff"],
        counts=counts,
    )


def files_of(name: str, folder: Path) -> Files:
    return read(write(simulate(150, 3, SCENARIOS[name], days=DAYS), folder / f"{name}.jsonl"))


@pytest.fixture(scope="session", params=sorted(SCENARIOS))
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(request.param, tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of("steady", tmp_path_factory.mktemp("steady"))
