"""What follows from a mapping: definition and contracts, by the stated rule."""

import msgspec
import pytest
import yaml

from domain.definition import FeatureDefinition
from signals.contracts.contract import Contract
from signals.mapping.mapping import Mapping
from signals.mapping.row_occurrences import Occurrences
from signals.mapping.spec import MappingFile

TEXT = """
name: shop
source: shop
version: 2
owner: sales
channel: web
tables:
  - identifiers: {crm_id: id}
    time: at
    events:
      - type: shop.seen
        data:
          colour: {column: colour, description: Of the product, retention_days: 30}
          size: {column: size, kind: integer, minimum: 0, required: true}
          mobile: {column: mobile, kind: boolean}
      - type: {column: kind, types: {a: shop.bought.online, b: shop.returned}}
        channel: till
        value: total
        data:
          colour: {column: colour, required: true}
          total: {product: [n, price], attribute: false}
      - {type: shop.counted, feature: false, data: {shelf: shelf}}
      - {type: shop.left, when: [{column: left, present: true}], data: {reason: reason}}
outcomes:
  bought: {types: [shop.bought.online], closes: false}
  lost: {types: [shop.left]}
texts: {shop.seen: product seen, colour: colour of the product}
"""


def mapping(text: str) -> Mapping:
    return Mapping(msgspec.convert(yaml.safe_load(text), MappingFile), "mapping.yaml")


def definition(text: str) -> FeatureDefinition:
    found = mapping(text).definition()
    assert found is not None
    return found


def contracts(text: str) -> dict[str, Contract]:
    return {contract.name: contract for contract in mapping(text).contracts()}


def test_families_are_the_types_that_close_nothing() -> None:
    found = {f.name: (f.channel, f.types, f.value, f.text) for f in definition(TEXT).families}
    assert found == {
        "seen": ("web", ("shop.seen",), None, "product seen"),
        "bought_online": ("till", ("shop.bought.online",), "total", "bought online"),
        "returned": ("till", ("shop.returned",), "total", "returned"),
    }


def test_attributes_are_the_fields_of_those_types() -> None:
    found = {a.name: (a.kind, a.types, a.field, a.text) for a in definition(TEXT).attributes}
    types = ("shop.seen", "shop.bought.online", "shop.returned")
    assert found == {
        "colour": ("text", types, "colour", "colour of the product"),
        "size": ("number", ("shop.seen",), "size", "size"),
    }


def test_the_rest_of_the_definition() -> None:
    found = definition(TEXT)
    assert (found.label, found.half_lives_days, found.accounts) == ("shop_v2", (1, 7, 30), False)
    assert [(o.name, o.closes) for o in found.outcomes] == [("bought", False), ("lost", True)]
    mailed = TEXT.replace("crm_id: id", "email: mail").replace(
        "owner", "half_lives_days: [2]\nowner"
    )
    assert (definition(mailed).accounts, definition(mailed).half_lives_days) == (True, (2,))


def test_each_type_has_a_contract() -> None:
    found = contracts(TEXT)
    assert list(found) == [
        "shop.seen",
        "shop.bought.online",
        "shop.returned",
        "shop.counted",
        "shop.left",
    ]
    seen = found["shop.seen"]
    assert (seen.version, seen.channel, seen.purpose, seen.owner) == (
        2,
        "web",
        "product seen",
        "sales",
    )
    colour, size, mobile = seen.fields
    assert (colour.kind, colour.required, colour.retention_days) == ("string", False, 30)
    assert (colour.description, size.kind, size.minimum) == ("Of the product", "integer", 0)
    assert (size.required, mobile.kind) == (True, "boolean")
    assert found["shop.returned"].fields[0].required


def test_standard_types_have_their_contract_and_definition_already() -> None:
    text = """
name: crm
source: crm
tables:
  - identifiers: {email: mail}
    time: at
    events:
      - {type: crm.lead_created, data: {country: land, employees: {column: n, kind: integer}}}
"""
    assert mapping(text).contracts() == ()
    assert mapping(text).definition() is None
    mixed = text + "      - {type: own.seen}\n"
    assert list(contracts(mixed)) == ["own.seen"]
    assert [f.name for f in definition(mixed).families] == ["lead_created", "seen"]


def test_a_features_section_is_taken_as_it_stands() -> None:
    own = "{service: mine, version: 3, families: [{name: a, channel: web, types: [shop.seen]}]}"
    assert definition(TEXT + f"features: {own}\n").label == "mine_v3"


def test_types_that_would_share_a_family_name_keep_their_first_part() -> None:
    text = TEXT.replace("shop.returned", "mall.seen").replace("shop.left", "shop.gone")
    names = [f.name for f in definition(text).families]
    assert names == ["shop_seen", "bought_online", "mall_seen"]


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
def test_occurrences_are_numbered_over_batches(size: int) -> None:
    keys = [k % 50 if k % 3 else k for k in range(1000)]
    digests = [k.to_bytes(8, "little") + bytes(4) for k in keys]
    seen = Occurrences()
    found = [n for at in range(0, 1000, size) for n in seen.number(digests[at : at + size])]
    counts: dict[int, int] = {}
    expected = []
    for key in keys:
        expected.append(counts.get(key, 0))
        counts[key] = expected[-1] + 1
    assert found == expected
