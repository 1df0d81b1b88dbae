"""The page on mappings: its keys are the types', its examples are read, its rules are all there."""

import re
from typing import Any

import msgspec
import pytest
import yaml

from domain.identifiers import ACCOUNT_KIND, IdentifierKind
from signals.mapping.mapping import Mapping
from signals.mapping.spec import MappingFile
from signals.mapping.timestamps import NAMED
from tests.conftest import ROOT
from tests.docs.mapping_page import PAGE, STRUCTS, filled, sections

TEXT = PAGE.read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
READERS = (
    *(f"mapping/{name}" for name in ("converters", "numerals", "columns", "compiler")),
    *("mapping/timestamps", "mapping/strptime", "files/csv_reader"),
)
RULE = re.compile(r"(?:Unread|Bad|Broken)\((?:line, )?\s*\"([a-z-]+)\"")


def test_every_key_stands_on_the_page_with_its_type_default_and_meaning() -> None:
    assert sections(TEXT) == [struct.__name__ for struct in STRUCTS]
    assert filled(TEXT) == TEXT, "run python -m tests.docs.mapping_page"
    assert "TO DO" not in TEXT
    assert not re.search(r"\| +\|\n", TEXT.partition("### Numbers")[0]), "a key without a meaning"


def whole(block: Any) -> dict[str, Any]:
    """A block of the page, in a mapping that is otherwise sound."""
    event: dict[str, Any] = {"type": "own.seen"}
    table: dict[str, Any] = {"identifiers": {"crm_id": "Id"}, "time": "At", "events": [event]}
    file: dict[str, Any] = {"name": "own", "source": "own", "time_zone": "UTC", "tables": [table]}
    if isinstance(block, list):
        table["events"] = block
    elif "outcomes" in block and "tables" not in block:
        kinds = [kind for outcome in block["outcomes"].values() for kind in outcome["types"]]
        table["events"] = [{"type": kind} for kind in kinds]
        file |= block
    elif block.keys() & MappingFile.__annotations__.keys() - {"time_zone", "missing"}:
        file |= block
    elif "when" in block:
        event |= block
    elif block.keys() & {"identifiers", "time"}:
        table |= block
    else:
        event["data"] = block
    return file


@pytest.mark.parametrize("block", BLOCKS)
def test_every_example_is_a_mapping_that_is_read(block: str) -> None:
    file = msgspec.convert(whole(yaml.safe_load(block)), MappingFile)
    assert Mapping(file, "page").contracts()


def test_every_rule_of_the_readers_is_told_what_it_asks() -> None:
    raised = {
        rule
        for name in READERS
        for rule in RULE.findall((ROOT / "signals" / f"{name}.py").read_text())
    }
    asked = set(re.findall(r"`([a-z-]+)`", TEXT.partition("## What each rule asks")[2]))
    assert len(raised) > 15
    assert raised <= asked


def test_kinds_and_formats_are_all_named() -> None:
    named = set(re.findall(r"`(\w+)`", TEXT))
    assert {*map(str, IdentifierKind), ACCOUNT_KIND, *NAMED} <= named
