"""Each route under each fault of each store: answered in time and in form, well afterwards."""

import math
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import httpx
import msgspec
import pytest

from domain.identifiers import IdentifierKind
from scoring.what_if import STALE
from serving.auth.api_key_store import open_keys
from serving.auth.open_paths import DOCS
from serving.http.openapi import describe
from serving.problems import MEDIA_TYPE
from serving.service import PATHS
from tests.conftest import Trained
from tests.resilience.conftest import lead_ids
from tests.resilience.faults import FAULTS, STORES
from tests.resilience.services import BOUND_S, Service, event, service
from wiring.scoring import open_scoring

WAIT_MS = 200
PERSON = "canary.person@fault-example.test"
"""Whom requests are about, by an identifier that no answer and no log may hold."""

Ask = Callable[[httpx.Client], httpx.Response]


def by_person() -> dict[str, dict[str, str]]:
    return {"identifiers": {IdentifierKind.EMAIL: PERSON}}


def of_person() -> dict[str, object]:
    return {**event(), **by_person()}


def asks(leads: list[str], decision: str) -> dict[str, Ask]:
    """A request of each kind, by the operation's id in the description, or by its path."""
    changes = {"changes": {"employees": 9}}
    approval = {"version": "1", "kind": "model", "reason": "seen"}

    def post(path: str, body: Callable[[], object]) -> Ask:
        return lambda client: client.post(path, json=body())

    def get(path: str) -> Ask:
        return lambda client: client.get(path)

    return {
        "score": post("/score", lambda: {"lead_id": leads[0]}),
        "score by identifiers": post("/score", by_person),
        "score_batch": post("/score_batch", lambda: {"lead_ids": leads}),
        "what_if": post("/what_if", lambda: {"lead_id": leads[0], **changes}),
        "what_if by identifiers": post("/what_if", lambda: {**by_person(), **changes}),
        "events": post("/events", lambda: {"events": [of_person()]}),
        "leads": get("/leads"),
        "decisions": get("/decisions"),
        "decision": get(f"/decisions/{decision}"),
        "approvals": get("/approvals"),
        "approve": post("/approvals", lambda: approval),
        "standing": get(f"/workflow?lead_id={leads[0]}"),
        "act": post("/workflow", lambda: {"lead_id": leads[0], "action": "accept"}),
        "livez": get("/livez"),
        "readyz": get("/readyz"),
        "metrics": get("/metrics"),
        **{path: get(path) for path in sorted(UNDESCRIBED)},
    }


SCORES = {"score", "score by identifiers", "score_batch", "what_if", "what_if by identifiers"}
READS = {"leads", "decisions", "decision"}
NEEDS: Mapping[str, set[str]] = {
    "event log": SCORES | READS | {"events", "readyz", "metrics"},
    "online store": SCORES | {"events"},
    "audit trail": SCORES | READS,
    "ledger": {"approvals", "approve"},
    "keys": set(),
    "live versions": {"approvals", "approve"},
    "workflow": {"standing", "act"},
}
"""Whose answers a store may touch that fails under a worker that runs; all others are as ever."""

UNDESCRIBED = DOCS | {"/docs.json", "/schema.json", "/healthz"}
"""Paths that are served and are no operation of the API."""


def test_every_route_is_asked() -> None:
    """A new one fails here until it is among them."""
    described = {
        one["operationId"] for item in describe()["paths"].values() for one in item.values()
    }
    asked = {name.removesuffix(" by identifiers") for name in asks(["lead"], "decision")}
    assert asked == described | UNDESCRIBED
    paths = {path.partition("/{")[0] for path in describe()["paths"]}
    assert paths | UNDESCRIBED == PATHS


@dataclass(frozen=True)
class Asked:
    """A service, what is asked of it, and what it said when all was well."""

    held: Service
    home: Path
    asks: Mapping[str, Ask]
    well: Mapping[str, int]
    free: frozenset[str] = frozenset({"livez", "/healthz"}) | DOCS
    """What needs no store at all, of a worker that begins too."""

    def outcome(self, name: str) -> str:
        """`as ever`, `degraded` or the rule that it was refused by; fails for all else."""
        began = time.monotonic()
        told = self.asks[name](self.held.client)
        took = time.monotonic() - began
        assert took < BOUND_S, (name, took)
        assert PERSON not in told.text, name
        assert "Traceback" not in told.text, name
        if told.status_code == 503:
            assert told.headers["content-type"] == MEDIA_TYPE, (name, told.headers)
            assert name == "readyz" or int(told.headers["retry-after"]) >= 1, name
            return str(told.json()["rule"])
        assert told.status_code == self.well[name], (name, told.text)
        return "degraded" if degraded(told) else "as ever"

    def outcomes(self) -> dict[str, str]:
        return {name: self.outcome(name) for name in self.asks}

    def is_well(self) -> bool:
        return set(self.outcomes().values()) == {"as ever"}

    def assert_log_is_clean(self) -> None:
        log = self.held.server.log.read_text()
        assert PERSON not in log
        assert "Traceback" not in log


def degraded(told: httpx.Response) -> bool:
    """Whether an answer says that it is less than it should be, but for what was asked of it."""
    if told.headers["content-type"] != "application/json":
        return False
    held = told.json()
    answers = held.get("answers", [held])
    less = any(one.get("degraded_by", "") not in ("", "inputs") for one in answers)
    return less or STALE in held.get("notes", ())


@pytest.fixture(scope="module")
def asked(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    """One service for all faults, one after the other: each must be got over without a restart."""
    home = tmp_path_factory.mktemp("faults") / "home"
    shutil.copytree(trained.settings.home, home)
    settings = msgspec.structs.replace(
        trained.settings,
        home=home,
        features_wait_ms=WAIT_MS,
        signals_wait_ms=WAIT_MS,
        audit_wait_ms=WAIT_MS,
    )
    _, key = open_keys(settings).create("faults", ["admin"])
    leads = lead_ids(open_scoring(settings), 5)
    with service(settings, leads) as held:
        held.client.headers["authorization"] = f"Bearer {key}"
        held.assert_well()
        decision = held.score().json()["decision_id"]
        every = asks(leads, decision)
        for ask in every.values():
            ask(held.client)
        well = {name: ask(held.client).status_code for name, ask in every.items()}
        yield Asked(held, home, every, well)


def touched(said: Mapping[str, str]) -> set[str]:
    """What was answered otherwise than when all is well."""
    return {name for name, told in said.items() if told != "as ever"}


def begin_anew(held: Service) -> None:
    """Kill the worker and wait until another answers, whatever it finds."""
    (worker,) = held.server.workers
    worker.since_s = -math.inf  # it lived long: the next one begins at once
    worker.process.kill()
    worker.process.wait()
    held.server.mend()
    held.until(lambda: is_alive(held))


def is_alive(held: Service) -> bool:
    try:
        return held.client.get("/livez", timeout=1.0).status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.parametrize("store", STORES)
def test_every_route_of_a_worker_that_begins_on_what_is_damaged(asked: Asked, store: str) -> None:
    with FAULTS["damaged"](asked.home / STORES[store]):
        begin_anew(asked.held)
        said = asked.outcomes()
    assert touched(said).isdisjoint(asked.free)
    asked.held.until(asked.is_well)
    asked.assert_log_is_clean()


def combinations() -> list[tuple[str, str]]:
    return [
        (store, fault)
        for store, fault in product(STORES, FAULTS)
        if not (store == "live versions" and fault == "locked")  # a folder: nobody locks it
    ]


@pytest.mark.parametrize(("store", "fault"), combinations())
def test_every_route_under_every_fault(asked: Asked, store: str, fault: str) -> None:
    before = [worker.process.pid for worker in asked.held.server.workers]
    with FAULTS[fault](asked.home / STORES[store]):
        said = asked.outcomes()
    assert touched(said) <= NEEDS[store] or set(said.values()) == {"as ever", "home-present"}, said
    asked.held.until(asked.is_well)
    assert [worker.process.pid for worker in asked.held.server.workers] == before
    asked.assert_log_is_clean()
