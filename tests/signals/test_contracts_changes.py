"""Which changes of contracts are refused, by which rule, and which are not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.errors import BadConfiguration
from signals.contracts.compatibility import edits
from signals.contracts.contract import CLASSIFICATIONS, Contract, Field
from signals.contracts.contract_file import contract_text
from signals.contracts.lint import ContractFinding, check_texts
from signals.contracts.registry import PACKAGED, all_contracts
from signals.contracts.upcast_steps import read_step
from tests.signals.contract_worlds import allows, contracts, data_of
from tests.signals.test_contracts import schema_in

TEXT = Field(
    name="t",
    kind="string",
    enum=("a", "b"),
    description="A text",
    retention_days=30,
    classification="personal",
)
NUMBER = Field(
    name="n",
    kind="integer",
    required=True,
    minimum=0,
    maximum=9,
    description="A number",
    retention_days=30,
)
FREE = Field(
    name="f",
    kind="string",
    min_length=1,
    max_length=9,
    description="Free text",
    retention_days=30,
)
BEFORE = Contract(
    name="t.t", channel="t", purpose="A test", owner="us", fields=(TEXT, NUMBER, FREE)
)


def files(*held: Contract) -> dict[str, str]:
    return {c.file_name: contract_text(c) for c in held}


def found(after: list[Contract], before: list[Contract] | None = None) -> list[ContractFinding]:
    return check_texts(files(*after), (), None if before is None else files(*before))


def changed(field: Field, **how: Any) -> Contract:
    new = msgspec.structs.replace(field, **how)
    fields = tuple(new if f.name == field.name else f for f in BEFORE.fields)
    return msgspec.structs.replace(BEFORE, fields=fields)


def without(name: str) -> Contract:
    return msgspec.structs.replace(BEFORE, fields=tuple(f for f in BEFORE.fields if f.name != name))


def more(**how: Any) -> Contract:
    new = Field(name="new", kind="boolean", description="New", retention_days=9, **how)
    return msgspec.structs.replace(BEFORE, fields=(*BEFORE.fields, new))


REFUSED = [
    (without("t"), "t", "field-removed"),
    (changed(TEXT, kind="boolean", enum=()), "t", "type-changed"),
    (changed(NUMBER, kind="number"), "n", "type-changed"),
    (more(required=True), "new", "required-added"),
    (changed(TEXT, required=True), "t", "optional-made-required"),
    (changed(NUMBER, required=False), "n", "promise-dropped"),
    (changed(TEXT, nullable=False), "t", "null-refused"),
    (changed(TEXT, enum=("a",)), "t", "enum-narrowed"),
    (changed(FREE, enum=("a",)), "f", "enum-narrowed"),
    (changed(NUMBER, minimum=1), "n", "bounds-narrowed"),
    (changed(NUMBER, maximum=8), "n", "bounds-narrowed"),
    (changed(FREE, min_length=2), "f", "bounds-narrowed"),
    (changed(FREE, max_length=8), "f", "bounds-narrowed"),
    (changed(FREE, pattern="."), "f", "pattern-changed"),
    (msgspec.structs.replace(BEFORE, extra=False), "", "extra-refused"),
    (changed(TEXT, retention_days=31), "t", "retention-lengthened"),
    (changed(TEXT, classification="internal"), "t", "classification-lowered"),
]


@pytest.mark.parametrize(("after", "field", "rule"), REFUSED)
def test_a_breaking_edit_is_refused_by_its_rule(after: Contract, field: str, rule: str) -> None:
    (finding,) = found([after], [BEFORE])
    assert (finding.file, finding.field, finding.rule) == ("t.t.v1.yaml", field, rule)
    assert finding.todo
    assert "\n" not in str(finding)


ALLOWED = [
    BEFORE,
    more(),
    changed(TEXT, enum=("a", "b", "c")),
    changed(TEXT, enum=()),
    changed(NUMBER, minimum=-1, maximum=None),
    changed(FREE, min_length=None, max_length=10),
    changed(TEXT, retention_days=29),
    changed(TEXT, classification="sensitive"),
    changed(TEXT, description="Better said"),
    msgspec.structs.replace(BEFORE, owner="them", purpose="Better said"),
]


@pytest.mark.parametrize("after", ALLOWED)
def test_other_edits_are_allowed(after: Contract) -> None:
    assert found([after], [BEFORE]) == []


@given(st.data())
def test_after_an_allowed_edit_all_old_data_are_still_accepted(data: st.DataObject) -> None:
    before, after = data.draw(contracts()), data.draw(contracts())
    if data.draw(st.booleans()):
        extra = tuple(f for f in after.fields if f.name not in before.declared)
        after = msgspec.structs.replace(before, fields=(*before.fields, *extra))
    if not any(edits(before, after)):
        held = data.draw(data_of(before))
        named = {n: v for n, v in held.items() if n in before.declared}
        assert allows(schema_in(after), named)


def version(
    number: int, *steps: dict[str, Any], fields: tuple[Field, ...] | None = None
) -> Contract:
    return msgspec.structs.replace(
        BEFORE,
        version=number,
        fields=BEFORE.fields if fields is None else fields,
        upcast=tuple(read_step(step) for step in steps),
    )


LADDERS = [
    ([version(1), version(3)], "version-gap"),
    ([version(1, {"drop": "t"})], "upcast-orphan"),
    ([BEFORE, version(2, {"drop": "x"})], "upcast-step"),
    ([BEFORE, version(2, {"scale": "t", "by": 2})], "upcast-step"),
    ([BEFORE, version(2, {"rename": "t", "to": "f"})], "upcast-step"),
    ([BEFORE, version(2, {"scale": "n", "by": 10**400})], "upcast-step"),
    ([BEFORE, version(2, fields=(TEXT, NUMBER))], "upcast-unsaid"),
    ([without("n"), version(2)], "upcast-required"),
    ([BEFORE, version(2, {"scale": "n", "by": 10})], "bounds-narrowed"),
    ([BEFORE, version(2, {"default": "t", "value": "z"})], "enum-narrowed"),
    (
        [BEFORE, msgspec.structs.replace(changed(TEXT, classification="public"), version=2)],
        "classification-lowered",
    ),
]


@pytest.mark.parametrize(("ladder", "rule"), LADDERS)
def test_steps_that_do_not_lead_on_are_refused(ladder: list[Contract], rule: str) -> None:
    (finding,) = found(ladder)
    assert (finding.rule, finding.file) == (rule, ladder[-1].file_name)


def test_a_new_version_may_do_what_an_edit_may_not() -> None:
    shorter = (NUMBER, msgspec.structs.replace(FREE, retention_days=99))
    assert found([BEFORE, version(2, {"drop": "t"}, fields=shorter)], [BEFORE]) == []


def test_a_version_may_not_vanish_nor_its_steps_change() -> None:
    two = version(2, {"clamp": "n", "maximum": 5})
    (finding,) = found([two], [BEFORE, version(2, {"clamp": "n", "maximum": 5})])[:1]
    assert (finding.file, finding.rule) == ("t.t.v1.yaml", "version-vanished")
    (finding,) = found([BEFORE, two], [BEFORE, version(2)])
    assert (finding.file, finding.rule) == ("t.t.v2.yaml", "upcast-changed")


def test_what_nobody_has_said_is_found() -> None:
    bare = Contract(name="t.t", channel="t", fields=(Field(name="x", kind="string"),))
    rules = sorted((f.field, f.rule) for f in found([bare]))
    assert rules == [("", "meaning"), ("", "owner"), ("x", "meaning"), ("x", "retention")]


def test_a_home_may_loosen_a_packaged_contract_and_may_not_break_it() -> None:
    base = all_contracts(PACKAGED)
    (won,) = (c for c in base if c.name == "crm.deal_won")
    assert check_texts(files(won), base) == []
    gone = msgspec.structs.replace(won, fields=())
    assert [f.rule for f in check_texts(files(gone), base)] == ["field-removed"]
    step = read_step({"scale": "amount", "by": 100})
    newer = msgspec.structs.replace(won, version=2, upcast=(step,))
    assert check_texts(files(newer), base) == []


def test_a_broken_file_is_one_finding_and_what_was_broken_before_is_said() -> None:
    held = files(BEFORE)
    broken = {name: text.replace("domain", "domaine") for name, text in held.items()}
    assert [f.rule for f in check_texts(broken, (), held)] == ["contract-file"]
    with pytest.raises(BadConfiguration, match="as it was before"):
        check_texts(held, (), broken)


def test_classifications_rise() -> None:
    assert CLASSIFICATIONS[0] == "public"
    assert CLASSIFICATIONS[-1] == "sensitive"
