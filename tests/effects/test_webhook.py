"""Web hooks are signed by the specification, and say what their receiver makes of them."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime

import pytest

from domain.clock import SystemClock
from domain.errors import BadConfiguration
from tests.effects.queues import effect
from tests.effects.receivers import Answer, Hooks, Request, server
from workflow.connectors.address_guard import networks
from workflow.connectors.guarded_http import GuardedHttp, retry_after_s
from workflow.connectors.webhook import WebhookConnector, payload, signature, signing_keys
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import EffectReceipt

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOME = networks(["127.0.0.0/8"])


def connector(address: str, secret: str = SECRET, timeout_s: float = 5.0) -> WebhookConnector:
    http = GuardedHttp("hook", address, timeout_s=timeout_s, private=HOME)
    return WebhookConnector(http, signing_keys("hook", secret), SystemClock(), at_once=4)


def delivered(hook: WebhookConnector, *effects: Effect) -> list[EffectReceipt]:
    claimed = [ClaimedEffect(n, "h", one) for n, one in enumerate(effects)]
    return hook.deliver(claimed, time.monotonic() + 60)


def test_the_signature_of_the_specifications_own_example() -> None:
    """The example that the specification's libraries are all tested with."""
    signed = signature(
        signing_keys("hook", SECRET),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def verified(request: Request, secret: str) -> bool:
    """Whether a message is signed with a secret: the receiver's side, written for itself."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = ".".join([request.headers["webhook-id"], request.headers["webhook-timestamp"], ""])
    digest = hmac.new(key, signed.encode() + request.body, hashlib.sha256).digest()
    wanted = f"v1,{base64.b64encode(digest).decode()}"
    return wanted in request.headers["webhook-signature"].split(" ")


def test_a_message_is_signed_and_the_same_each_time() -> None:
    hooks, other = Hooks(), "whsec_" + base64.b64encode(b"another key of enough bytes").decode()
    one = effect("k1", fields={"score": 0.5, "grade": "A", "owner": None}, action="routed")
    with server(hooks.answer) as address:
        hook = connector(f"{address}/in/here?x=1", f"{SECRET} {other}")
        for _ in range(2):
            assert [r.verdict for r in delivered(hook, one)] == ["delivered"]
    first, second = hooks.requests
    assert first.path == "/in/here?x=1"
    assert first.body == second.body == payload(one)
    assert first.headers["webhook-id"] == first.headers["idempotency-key"] == "k1"
    assert abs(int(first.headers["webhook-timestamp"]) - time.time()) < 60
    assert verified(first, SECRET)
    assert verified(first, other), "while a secret is replaced, either verifies"
    document = json.loads(first.body)
    assert document["type"] == "lead.routed"
    assert document["timestamp"] == "2026-03-01T12:00:00Z"
    assert document["data"]["lead_id"] == "lead_1"
    assert document["data"]["score"] == 0.5


@pytest.mark.parametrize(
    ("answer", "verdict", "wait_s"),
    [
        ((204, {}, {}), "delivered", None),
        ((429, {"Retry-After": "17"}, {}), "throttled", 17.0),
        ((429, {}, {}), "throttled", None),
        ((503, {"Retry-After": "9"}, {}), "throttled", 9.0),
        ((503, {}, {}), "away", None),
        ((401, {}, {}), "away", None),
        ((302, {"Location": "http://127.0.0.1:1/"}, {}), "away", None),
        ((500, {}, {}), "again", None),
        ((409, {}, {}), "again", None),
        ((410, {}, {}), "never", None),
        ((422, {}, {"detail": "jo@example.com"}), "never", None),
    ],
)
def test_what_an_answer_means(answer: Answer, verdict: str, wait_s: float | None) -> None:
    hooks = Hooks(script=[answer])
    with server(hooks.answer) as address:
        (receipt,) = delivered(connector(address), effect("k"))
    assert (receipt.verdict, receipt.wait_s) == (verdict, wait_s)
    assert "jo@" not in receipt.cause
    assert "127.0.0.1" not in receipt.cause
    assert len(hooks.requests) == 1, "no redirect is followed"


def test_several_go_at_once_and_each_has_its_own_receipt() -> None:
    hooks = Hooks(script=[(500, {}, {})])
    effects = [effect(f"k{n}", lead_id=f"l{n}") for n in range(8)]
    with server(hooks.answer) as address:
        receipts = delivered(connector(address), *effects)
    assert sorted(r.verdict for r in receipts) == ["again", *["delivered"] * 7]
    failed = [e.key for e, r in zip(effects, receipts, strict=True) if r.verdict == "again"]
    assert set(hooks.done) == {e.key for e in effects} - set(failed)


def test_nobody_there_and_an_answer_that_never_ends_are_given_up() -> None:
    nobody = connector("http://127.0.0.1:1/")
    (receipt,) = delivered(nobody, effect("k"))
    assert (receipt.verdict, receipt.rule) == ("away", "receiver-away")

    def slow(_: Request) -> Answer:
        time.sleep(1.0)
        return 200, {}, {}

    with server(slow) as address:
        began = time.monotonic()
        (receipt,) = delivered(connector(address, timeout_s=0.2), effect("k"))
        assert time.monotonic() - began < 0.9
    assert (receipt.verdict, receipt.rule) == ("away", "receiver-slow")


def test_an_answer_without_end_is_not_read_whole() -> None:
    with server(lambda _: (200, {}, "x" * (5 << 20))) as address:
        (receipt,) = delivered(connector(address), effect("k"))
    assert (receipt.verdict, receipt.rule) == ("away", "answer-too-large")


def test_what_comes_too_late_for_its_lease_is_not_begun() -> None:
    hooks = Hooks()
    with server(hooks.answer) as address:
        receipts = connector(address).deliver([ClaimedEffect(1, "h", effect("k"))], 0.0)
    assert [r.verdict for r in receipts] == ["released"]
    assert hooks.requests == []


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_!!!", "whsec_c2hvcnQ=", "s3cret-word"])
def test_a_secret_that_is_none_is_refused_unseen(secret: str) -> None:
    if not secret:
        assert signing_keys("hook", secret) == ()
        return
    with pytest.raises(BadConfiguration) as raised:
        signing_keys("connector hook", secret)
    assert "s3cret-word" not in str(raised.value)


def test_how_long_a_receiver_asks_to_wait() -> None:
    now = datetime(2026, 3, 1, tzinfo=UTC)
    date = {"retry-after": "Sun, 01 Mar 2026 00:02:00 GMT"}
    assert retry_after_s(date, now) == 120.0
    assert retry_after_s({"retry-after": "Sun, 01 Mar 2020 00:02:00 GMT"}, now) == 0.0
    for nonsense in ("", "soon", "-5", "1e9", "٣", "9" * 40, "Sun, 99 Mar 2026"):
        assert retry_after_s({"retry-after": nonsense}, now) is None
