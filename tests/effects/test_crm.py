"""CRM write-back keeps the receivers' limits, and tells the bad record from the good ones."""

import time
from typing import Any

import pytest

from tests.effects.queues import effect
from tests.effects.receivers import HubSpot, Salesforce, server
from workflow.connectors.address_guard import networks
from workflow.connectors.crm_fields import CrmMapping
from workflow.connectors.guarded_http import GuardedHttp
from workflow.connectors.hubspot import HubSpotConnector
from workflow.connectors.salesforce import SalesforceConnector
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import EffectReceipt

FIELDS = {"score": "lead_score", "grade": "lead_grade", "reasons": "lead_reasons"}


def mapping(**more: Any) -> CrmMapping:
    return CrmMapping({**FIELDS, **more}, {}, lambda one: str(one.fields.get("record", "")))


def http(address: str) -> GuardedHttp:
    return GuardedHttp("crm", address, timeout_s=5.0, private=networks(["127.0.0.0/8"]))


def update(number: int, **more: Any) -> Effect:
    fields = {"record": f"{number}", "score": 0.25, "grade": "B", "reasons": None, **more}
    return effect(f"k{number}", lead_id=f"l{number}", fields=fields)


def claimed(*effects: Effect) -> list[ClaimedEffect]:
    return [ClaimedEffect(n, "h", one) for n, one in enumerate(effects)]


def verdicts(receipts: list[EffectReceipt]) -> list[str]:
    return [one.verdict for one in receipts]


def soon() -> float:
    return time.monotonic() + 60


def test_hubspot_gets_a_hundred_a_request() -> None:
    portal = HubSpot({f"{n}": {} for n in range(100)})
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "t0ken", mapping())
        receipts = crm.deliver(claimed(*(update(n) for n in range(crm.at_a_time))), soon())
    assert set(verdicts(receipts)) == {"delivered"}
    assert portal.sizes == [100]
    assert portal.contacts["7"] == {"lead_score": "0.25", "lead_grade": "B", "lead_reasons": ""}


def test_hubspot_names_the_contacts_that_it_does_not_know() -> None:
    portal = HubSpot({"1": {}, "3": {}})
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "t0ken", mapping())
        receipts = crm.deliver(claimed(*map(update, (1, 2, 3))), soon())
    assert verdicts(receipts) == ["delivered", "never", "delivered"]
    assert receipts[1].cause == "HubSpot says OBJECT_NOT_FOUND"


def test_one_bad_value_does_not_keep_ninety_nine_others_out() -> None:
    portal = HubSpot({f"{n}": {} for n in range(100)})
    effects = [update(n) for n in range(100)]
    effects[37] = update(37, owner="bad")
    effects[90] = update(90, owner="bad")
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "t0ken", mapping(owner="owner"))
        receipts = crm.deliver(claimed(*effects), soon())
    refused = [n for n, one in enumerate(receipts) if one.verdict == "never"]
    assert refused == [37, 90]
    assert verdicts(receipts).count("delivered") == 98
    assert set(portal.writes.values()) == {1}
    assert portal.requests <= 30, "it is halved, not tried one by one"
    assert receipts[37].cause == "HubSpot says VALIDATION_ERROR"


def test_hubspots_limits_are_kept_and_the_rest_waits() -> None:
    portal = HubSpot({"1": {}}, allowed=0)
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "t0ken", mapping())
        (asked,) = crm.deliver(claimed(update(1)), soon())
        portal.retry_after, portal.policy = None, "DAILY"
        (daily,) = crm.deliver(claimed(update(1)), soon())
        portal.policy = "TEN_SECONDLY_ROLLING"
        (burst,) = crm.deliver(claimed(update(1)), soon())
    assert (asked.verdict, asked.wait_s) == ("throttled", 3.0)
    assert (daily.wait_s, burst.wait_s) == (3_600.0, 10.0)
    assert "DAILY" in daily.cause


def test_a_wrong_token_is_nobodys_effects_fault() -> None:
    portal = HubSpot({"1": {}})
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "wr0ng", mapping())
        receipts = crm.deliver(claimed(update(1)), soon())
    assert verdicts(receipts) == ["away"]
    assert "wr0ng" not in receipts[0].cause


def test_two_effects_on_one_record_go_one_after_the_other() -> None:
    portal = HubSpot({"1": {}})
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "t0ken", mapping())
        receipts = crm.deliver(claimed(update(1), update(1, grade="C")), soon())
    assert verdicts(receipts) == ["delivered", "released"]
    assert portal.contacts["1"]["lead_grade"] == "B"


@pytest.mark.parametrize(
    "document", ["no JSON {", {"results": []}, {"results": [{"id": "1"}] * 7}, [], 7]
)
def test_an_answer_that_does_not_say_what_was_written_is_asked_again(document: object) -> None:
    with server(lambda _: (200, {}, document)) as address:
        crm = HubSpotConnector(http(address), "t0ken", mapping())
        receipts = crm.deliver(claimed(update(1), update(2)), soon())
    assert verdicts(receipts) == ["again", "again"]


def test_what_cannot_be_mapped_is_not_sent() -> None:
    portal = HubSpot({"1": {}})
    by_name = CrmMapping(
        {"owner": "owner", "effect_key": "lead_grade"},
        {"owner": {"ann": "51"}},
        lambda one: str(one.fields.get("record", "")),
    )
    with server(portal.answer) as address:
        crm = HubSpotConnector(http(address), "t0ken", by_name)
        receipts = crm.deliver(
            claimed(
                update(1, owner="ann"), update(2, owner="bob"), update(3, owner=None, record="")
            ),
            soon(),
        )
        nothing = HubSpotConnector(http(address), "t0ken", CrmMapping({"x": "y"}, {}, str))
        (unmapped,) = nothing.deliver(claimed(update(1)), soon())
    assert verdicts(receipts) == ["delivered", "never", "never"]
    assert [one.rule for one in receipts[1:]] == ["field-value", "record-known"]
    assert "bob" not in receipts[1].cause
    assert portal.contacts["1"] == {"owner": "51", "lead_grade": "k1"}
    assert (unmapped.verdict, unmapped.rule) == ("never", "fields-mapped")


def salesforce(address: str, secret: str = "cl1ent-secret") -> SalesforceConnector:
    return SalesforceConnector(http(address), "app", secret, mapping())


def test_salesforce_gets_two_hundred_a_request_and_each_record_stands_by_itself() -> None:
    org = Salesforce({f"{n}": {} for n in range(199)}, locked={"5"})
    with server(org.answer) as address:
        crm = salesforce(address)
        receipts = crm.deliver(claimed(*(update(n) for n in range(crm.at_a_time))), soon())
        again = crm.deliver(claimed(update(5)), soon())
    assert org.sizes == [200, 1]
    assert verdicts(receipts).count("delivered") == 198
    assert (receipts[5].verdict, receipts[5].cause) == (
        "again",
        "Salesforce says UNABLE_TO_LOCK_ROW",
    )
    assert (receipts[199].verdict, receipts[199].rule) == ("never", "crm-record")
    assert "jo@" not in "".join(one.cause for one in receipts)
    assert verdicts(again) == ["delivered"]
    assert org.leads["7"] == {"lead_score": 0.25, "lead_grade": "B", "lead_reasons": None}
    assert org.tokens == 1


def test_a_token_that_ran_out_is_fetched_anew() -> None:
    org = Salesforce({"1": {}}, good_for=2)
    with server(org.answer) as address:
        crm = salesforce(address)
        for _ in range(5):
            assert verdicts(crm.deliver(claimed(update(1)), soon())) == ["delivered"]
    assert org.tokens == 3


def test_a_wrong_secret_is_told_without_it() -> None:
    org = Salesforce({"1": {}})
    with server(org.answer) as address:
        (receipt,) = salesforce(address, "s3cret-word").deliver(claimed(update(1)), soon())
    assert (receipt.verdict, receipt.rule) == ("away", "crm-token")
    assert "s3cret" not in receipt.cause


def test_salesforces_limit_is_kept() -> None:
    org = Salesforce({"1": {}}, left=0)
    with server(org.answer) as address:
        (receipt,) = salesforce(address).deliver(claimed(update(1)), soon())
    assert (receipt.verdict, receipt.wait_s) == ("throttled", 900.0)


def test_what_comes_too_late_for_its_lease_is_not_begun() -> None:
    portal, org = HubSpot({"1": {}}), Salesforce({"1": {}})
    with server(portal.answer) as one, server(org.answer) as other:
        hubspot = HubSpotConnector(http(one), "t0ken", mapping())
        assert verdicts(hubspot.deliver(claimed(update(1)), 0.0)) == ["released"]
        assert verdicts(salesforce(other).deliver(claimed(update(1)), 0.0)) == ["released"]
    assert (portal.requests, org.used) == (0, 0)
