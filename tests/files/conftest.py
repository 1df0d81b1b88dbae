"""Files of every kind, and the mapping that reads them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from domain.errors import BadInput
from domain.signals import decode
from signals.mapping.mapping import Mapping
from signals.mapping.spec import MappingFile

Read = Callable[..., list[tuple[int, str, Any, Any]]]

COLUMNS = ("id", "at", "n", "note")
ROW = ("a1", "2026-01-02T03:04:05Z", "7", "x")


def mapping(**table: object) -> Mapping:
    """Reads id, at, n and note; `table` is laid over the table's own settings."""
    told = {
        "identifiers": {"crm_id": "id"},
        "time": "at",
        "time_zone": "UTC",
        "events": [{"type": "t.seen", "data": {"n": "n", "note": "note"}}],
        **table,
    }
    file = {"name": "t", "source": "t", "tables": [told]}
    return Mapping(msgspec.convert(file, MappingFile), "m.yaml")


def rows_of(path: Path, **table: object) -> list[tuple[int, str, Any, Any]]:
    """Of each row its line, and rule, or "" with the identifier and the data."""
    found: list[tuple[int, str, Any, Any]] = []
    for one in mapping(**table).documents(path):
        if one.rule:
            found.append((one.line, one.rule, None, None))
        else:
            signal = decode(one.document)
            found.append((one.line, "", signal.identifiers["crm_id"], signal.data))
    return found


def refusal(path: Path, **table: object) -> BadInput:
    """Why a file is not read."""
    with pytest.raises(BadInput) as caught:
        rows_of(path, **table)
    assert "\n" not in str(caught.value)
    return caught.value
