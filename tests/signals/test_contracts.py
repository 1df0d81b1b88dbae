"""Events against their contracts, contract files, and what is packaged."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import settings as limits
from hypothesis import strategies as st

from domain.errors import BadConfiguration, BadSignal
from domain.signals import Signal
from signals.contracts.contract import Contract, Field
from signals.contracts.contract_file import contract_text, read_contract, write_contract
from signals.contracts.lint import check_texts, read_texts
from signals.contracts.registry import (
    PACKAGED,
    ContractRegistry,
    all_contracts,
    load_contracts,
    standard_contracts,
)
from tests.signals.contract_worlds import allows, anything, contracts, data_of, ladders

NOON = datetime(2025, 3, 1, 12, tzinfo=UTC)
FILES = sorted(PACKAGED.glob("*.yaml"))
SOURCES = {"crm", "web", "product", "support", "marketing"}


def signal(kind: str, data: dict[str, Any], version: int = 1) -> Signal:
    return Signal(id="1", source="t", type=kind, time=NOON, data=data, dataversion=version)


def schema_in(contract: Contract) -> dict[str, Any]:
    document = yaml.safe_load(contract_text(contract))
    held: dict[str, Any] = document["schema"][0]["customProperties"][0]["value"]
    return held


def accepted(book: ContractRegistry, given_signal: Signal) -> bool:
    try:
        book.check(given_signal)
    except BadSignal as bad:
        return bad.rule != "data-contract"
    return True


@given(st.data())
def test_what_is_accepted_is_what_the_json_schema_in_the_file_allows(data: st.DataObject) -> None:
    contract = data.draw(contracts())
    held = data.draw(data_of(contract))
    spoilt = {**held, **data.draw(st.dictionaries(st.sampled_from("abcd"), anything(), max_size=2))}
    for name in data.draw(st.sets(st.sampled_from("abcd"), max_size=1)):
        spoilt.pop(name, None)
    schema, book = schema_in(contract), ContractRegistry([contract])
    assert accepted(book, signal("made.up", held))
    assert accepted(book, signal("made.up", spoilt)) == allows(schema, spoilt)


@limits(max_examples=30)
@given(ladders(2))
def test_a_contract_is_read_as_it_was_written(ladder: list[Contract]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for contract in ladder:
            assert read_contract(write_contract(contract, Path(folder))) == contract
        assert all_contracts(Path(folder)) == ladder
        assert load_contracts(Path(folder)) == {"made.up": ladder[-1]}


def test_every_packaged_contract_is_complete() -> None:
    assert check_texts(read_texts(PACKAGED)) == []
    held = standard_contracts().values()
    assert {c.channel for c in held} == SOURCES
    assert len(held) == 16
    assert {f.classification for c in held for f in c.fields} >= {"internal", "personal"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_packaged_file_is_written_as_it_is_read(path: Path) -> None:
    assert contract_text(read_contract(path)) == path.read_text()


def test_each_version_is_checked_by_its_own_contract() -> None:
    one = Contract(name="t.t", channel="t", fields=(Field(name="n", kind="string"),))
    two = msgspec.structs.replace(one, version=2, fields=(Field(name="n", kind="integer"),))
    book = ContractRegistry([two, one])
    assert accepted(book, signal("t.t", {"n": "x"}))
    assert accepted(book, signal("t.t", {"n": 3}, 2))
    assert not accepted(book, signal("t.t", {"n": 3}))
    assert not accepted(book, signal("t.t", {"n": "x"}, 2))


@pytest.mark.parametrize(
    ("kind", "version", "rule"),
    [
        ("t.other", 1, "unknown-type"),
        ("t.t", 4, "newer-version"),
        ("t.t", 1, "unknown-version"),
    ],
)
def test_a_stranger_is_refused_and_left_as_it_is(kind: str, version: int, rule: str) -> None:
    book = ContractRegistry([Contract(name="t.t", version=v, channel="t") for v in (2, 3)])
    stranger = signal(kind, {}, version)
    with pytest.raises(BadSignal) as bad:
        book.admit(stranger)
    assert bad.value.rule == rule
    assert book.upcast(stranger) is stranger


def test_no_value_and_no_foreign_key_stands_in_a_refusal() -> None:
    fields = (Field(name="kind", kind="string", enum=("a",)), Field(name="at", kind="string"))
    book = ContractRegistry([Contract(name="t.t", channel="t", fields=fields, extra=False)])
    mail = "someone@company.com"
    for data in ({"kind": mail}, {mail: 1}, {"at": [mail]}):
        with pytest.raises(BadSignal) as bad:
            book.check(signal("t.t", data))
        assert mail not in str(bad.value)


def test_the_later_folder_holds(tmp_path: Path) -> None:
    own = msgspec.structs.replace(standard_contracts()["crm.deal_won"], owner="us")
    write_contract(own, tmp_path)
    book = ContractRegistry(all_contracts(PACKAGED, tmp_path))
    assert book.contracts["crm.deal_won"].owner == "us"
    assert len(book.contracts) == 16
    assert all_contracts(tmp_path / "none") == []


PAGE = (PACKAGED / "web.page_viewed.v1.yaml").read_text()
BROKEN = [
    ("logicalType: number", "logicalType: integer", "logicalType is integer, the JSON Schema says"),
    ("required: true", "required: false", "page: required is False, the JSON Schema says True"),
    ("required: [page]", "required: [pages]", "pages must be in both"),
    ("      - name: duration_s", "      - name: duration", "must be in both"),
    ("element: data.page", "element: data.pages", "pages must be in both"),
    ("element: data.duration_s", "element: data.page", "retention of page is given twice"),
    ("value: 395, unit: d", "value: 395, unit: y", "must be whole days"),
    ("1.0.0", "2.0.0", "is called web.page_viewed.v2.yaml"),
    ("1.0.0", "one", "version is 'one'"),
    ("contract:web.page_viewed", "contract:web.other", "does not end with the name"),
    ("minimum: 0", "minimal: 0", "unknown field `minimal`"),
    ("minimum: 0", "minimum: 90000", "no number lies between"),
    ("page: {type: string}", "page: {type: string, minimum: 1}", "bounds are for numbers"),
    ("page: {type: string}", "page: {type: string, pattern: '('}", "not a regular expression"),
    ("page: {type: string}", "page: {type: string, format: uri}", "unknown field `format`"),
    ("page: {type: string}", "page: {type: [string, 'null']}", "required and may be null"),
    ("page: {type: string}", "page: {type: string, enum: [a, null]}", "null must be in both"),
    ("page: {type: string}", "page: {type: text}", "properties"),
    ("classification: internal", "classification: intern", "'intern'"),
    ("status: active", "statuses: active", "statuses"),
    ("kind: DataContract", "kind: Contract", "kind"),
    ("domain: web", "domain: web\ndomain: crm", "line 8"),
    ("domain: web", "domain: [", "not YAML"),
]


@pytest.mark.parametrize(("was", "now", "said"), BROKEN)
def test_a_broken_file_is_named_with_what_is_wrong(
    tmp_path: Path, was: str, now: str, said: str
) -> None:
    assert was in PAGE
    path = tmp_path / "web.page_viewed.v1.yaml"
    path.write_text(PAGE.replace(was, now, 1))
    with pytest.raises(BadConfiguration) as bad:
        load_contracts(tmp_path)
    assert bad.value.rule == "contract-file"
    assert bad.value.where.startswith(path.name)
    assert said in str(bad.value)
    (finding,) = {f.rule for f in check_texts(read_texts(tmp_path))}
    assert finding == "contract-file"


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.a.v1.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadConfiguration, match="UTF-8"):
        load_contracts(tmp_path)


def test_bounds_that_the_standard_repeats_must_agree(tmp_path: Path) -> None:
    path = tmp_path / "web.page_viewed.v1.yaml"
    said = "logicalTypeOptions: {minimum: 0, maximum: 86400}\n        logicalType: number"
    path.write_text(PAGE.replace("logicalType: number", said))
    assert read_contract(path) == standard_contracts()["web.page_viewed"]
    path.write_text(PAGE.replace("logicalType: number", said.replace("86400", "60")))
    with pytest.raises(BadConfiguration, match="maximum is 60, in the JSON Schema 86400"):
        read_contract(path)
