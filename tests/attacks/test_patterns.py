"""A regular expression of a user's holds nothing up, wherever it is compiled."""

import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from domain.errors import BadConfiguration, BadSignal
from domain.findings import QualityFindings
from domain.signals import Signal
from signals.contracts.contract import Field
from signals.contracts.contract_file import read_contract
from signals.contracts.field_compatibility import narrowings
from signals.contracts.patterns import compile_pattern
from signals.contracts.registry import ContractRegistry, standard_contracts
from signals.quality.event_gate import EventGate
from signals.quality.rules import EventRules, ValueRule
from telemetry.logs import redacted
from tests.conftest import ROOT

LONG = 40_000
SECONDS = 2.0
"""Where going back would take years, the machine's load does not matter."""
EVIL = [
    r"^(a+)+$",
    r"^(a|a)*$",
    r"^(a|aa)+$",
    r"^([a-z]+)*[0-9]$",
    r"(a*)*b",
    r"^(\w+\s?)*$",
    r"(.*)*x",
    r"^((ab?)*)*$",
]


def contract(pattern: str) -> ContractRegistry:
    held = standard_contracts()["web.page_viewed"]
    field = Field(name="page", kind="string", required=True, pattern=pattern)
    return ContractRegistry([msgspec.structs.replace(held, fields=(field,), version=1)])


def viewed(page: str) -> Signal:
    document = {
        "id": "1",
        "source": "web",
        "type": "web.page_viewed",
        "time": "2026-03-01T12:00:00Z",
        "identifiers": {"cookie": "c"},
        "data": {"page": page},
    }
    return msgspec.convert(document, Signal)


@pytest.mark.parametrize("pattern", EVIL)
def test_a_pattern_that_would_go_back_for_ever_refuses_at_once(pattern: str) -> None:
    book, began = contract(pattern), time.monotonic()
    with pytest.raises(BadSignal) as bad:
        book.check(viewed("a" * LONG + "!"))
    assert bad.value.rule == "data-contract"
    assert "aaaa" not in bad.value.what
    wide = Field(name="page", kind="string", enum=("a" * LONG + "!",))
    list(narrowings(wide, Field(name="page", kind="string", pattern=pattern)))
    assert time.monotonic() - began < SECONDS


def test_a_field_that_does_not_match_is_named() -> None:
    book = contract("^[a-z]+$")
    book.check(viewed("pricing"))
    with pytest.raises(BadSignal, match=r"matching regex .* at `\$.page`") as bad:
        book.check(viewed("Ada 1815"))
    assert "Ada" not in bad.value.what


@pytest.mark.parametrize("pattern", ["(?=a)a", r"(a)\1", "(?<!b)a", "a{1001}", "((a{30}){30}){30}"])
def test_what_only_going_back_can_do_is_refused_when_it_is_read(
    pattern: str, tmp_path: Path
) -> None:
    text = next((ROOT / "signals" / "contracts").glob("web.page_viewed*.yaml")).read_text()
    path = tmp_path / "web.page_viewed.yaml"
    assert "page: {type: string" in text
    path.write_text(
        text.replace("page: {type: string", f"page: {{type: string, pattern: '{pattern}'", 1)
    )
    with pytest.raises(BadConfiguration, match="RE2"):
        read_contract(path)


@hypothesis_settings(max_examples=50)
@given(st.text(st.sampled_from("ab()*+?|."), max_size=12), st.sampled_from(["a", "ab", "aab"]))
def test_any_expression_takes_time_by_the_text_alone(pattern: str, part: str) -> None:
    try:
        matches = compile_pattern(pattern)
    except ValueError:
        return
    began = time.monotonic()
    matches(part * 3_000 + "!")
    assert time.monotonic() - began < SECONDS


@pytest.mark.parametrize("word", [" ", "  a", "a"])
def test_a_rule_against_values_does_not_go_back(word: str) -> None:
    rule = ValueRule(rule="placeholder", field="page", severity="reject", none_of=(word,))
    gate = EventGate(EventRules(values=(rule,)))
    signal, began = viewed(" " * LONG + "x"), time.monotonic()
    gate.check(signal, signal.time_us(), None, signal.time_us(), QualityFindings())
    assert time.monotonic() - began < SECONDS


def test_long_words_in_logs_cost_their_length() -> None:
    began = time.monotonic()
    assert redacted("x" * LONG) == "x" * LONG
    assert redacted("x" * LONG + "@y z") == "[address] z"
    assert time.monotonic() - began < SECONDS
