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
from simulation.writer import WrittenCounts, write

CONTRACTS = Path(__file__).parents[2] / "signals" / "contracts"
DAYS = 180
END = datetime(2025, 1, 6, tzinfo=UTC) + timedelta(days=DAYS)
PYTHON_TYPES: dict[str, Any] = {"string": str, "integer": int, "number": (int, float)}

Fields = dict[str, Any]
"""The JSON Schema of a type's data."""


class Files(msgspec.Struct, frozen=True):
    """What was written: each line as judged, the sound signals each once, the truth by kind."""

    written: WrittenCounts
    lines: list[bytes]
    judged: list[Signal | None]
    good: list[Signal]
    people: list[dict[str, Any]]
    cutoffs: list[dict[str, Any]]
    counts: dict[str, Any]
    owners: list[dict[str, Any]]


def contracts() -> dict[str, Fields]:
    documents = [yaml.safe_load(path.read_text()) for path in CONTRACTS.glob("*.yaml")]
    return {d["name"]: d["schema"][0]["customProperties"][0]["value"] for d in documents}


def holds(field: dict[str, Any], value: Any) -> bool:
    kind = field["type"] if isinstance(field["type"], str) else field["type"][0]
    return (
        isinstance(value, PYTHON_TYPES[kind])
        and field.get("minimum", value) <= value <= field.get("maximum", value)
        and value in field.get("enum", [value])
    )


def fits(signal: Signal, schema: Fields) -> bool:
    """What a contract asks: required fields, types, bounds, enumerations, nothing else."""
    named, required = schema["properties"], set(schema.get("required", []))
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


def read(written: WrittenCounts) -> Files:
    by_kind: dict[str, list[dict[str, Any]]] = {"person": [], "cutoff": [], "counts": []}
    for line in written.truth.read_bytes().splitlines():
        document = msgspec.json.decode(line)
        by_kind.setdefault(document["kind"], []).append(document)
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
        owners=by_kind.get("event", []),
    )


def files_of(name: str, folder: Path) -> Files:
    return read(write(simulate(150, 3, SCENARIOS[name], days=DAYS), folder / f"{name}.jsonl"))


@pytest.fixture(scope="session", params=sorted(SCENARIOS))
def files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of(request.param, tmp_path_factory.mktemp("simulated"))


@pytest.fixture(scope="session")
def steady(tmp_path_factory: pytest.TempPathFactory) -> Files:
    return files_of("steady", tmp_path_factory.mktemp("steady"))
