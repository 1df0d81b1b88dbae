"""Deliveries, killed anywhere: receivers see each effect once, in order, and none is lost.

`leadscore effects deliver` is begun again and again and killed with SIGKILL, while a workflow asks
for more. A dozen kills always; `make soak` does a thousand.
"""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest

from config.settings import Settings
from tests.effects.homes import SECRET, asks, desk_of, home_with, now_effect
from tests.effects.receivers import Answer, Hooks, HubSpot, Request, server
from tests.kills.killing import AT_ONCE_S, MOST_S, Kills, Victim, timed
from tests.soak.commands import Command, until
from workflow.effect import Effect

SHORT = pytest.param(0, 12)
LONG = pytest.param(1, 1_000, marks=pytest.mark.soak)
LEADS = 8
WORDS = ("effects", "deliver")
pytestmark = pytest.mark.timeout(14_400)


@dataclass
class Receivers:
    """A web hook that takes its time, a CRM, and what each heard of each lead, in order."""

    hooks: Hooks = field(default_factory=Hooks)
    portal: HubSpot = field(default_factory=lambda: HubSpot({f"{n}": {} for n in range(LEADS)}))
    heard: dict[str, list[int]] = field(default_factory=dict)

    def hook(self, request: Request) -> Answer:
        time.sleep(0.02)
        answer = self.hooks.answer(request)
        data = request.document["data"]
        self.hear(f"hook {data['lead_id']}", int(data["number"]))
        return answer

    def crm(self, request: Request) -> Answer:
        time.sleep(0.02)
        for one in request.document["inputs"]:
            self.hear(f"crm {one['id']}", int(one["properties"]["lead_score"]))
        return self.portal.answer(request)

    @property
    def count(self) -> int:
        """How many messages came so far."""
        return sum(map(len, self.heard.values()))

    def hear(self, who: str, number: int) -> None:
        with self.hooks.lock:
            self.heard.setdefault(who, []).append(number)


@dataclass
class AmidMessages(Kills):
    """Kills at moments that are drawn by the messages that came, as well as by time and writes."""

    receivers: Receivers = field(default_factory=Receivers)

    def _wait(self, victim: Victim, run: Command) -> None:
        if self.rng.random() < 0.3:
            super()._wait(victim, run)
            return
        wanted = self.receivers.count + self.rng.randint(0, 2 * LEADS)
        until(lambda: self.receivers.count >= wanted or run.ended() is not None, MOST_S)
        time.sleep(self.rng.uniform(0, AT_ONCE_S))


@pytest.fixture
def receivers() -> Receivers:
    return Receivers()


@pytest.fixture
def settings(
    tmp_path: Path, receivers: Receivers, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("HUBSPOT_TOKEN", receivers.portal.token)
    with ExitStack() as stack:
        hook, crm = (stack.enter_context(server(a)) for a in (receivers.hook, receivers.crm))
        crm_rule: dict[str, Any] = {"record": {"field": "crm_id"}}
        crm_rule |= {"fields": {"number": "lead_score", "effect_key": "lead_grade"}}
        connectors = {
            "hook": {"kind": "webhook", "address": hook, "secret_variable": "HOOK_SECRET"},
            "crm": {"kind": "hubspot", "address": crm, "token_variable": "HUBSPOT_TOKEN"}
            | crm_rule,
            "lines": {"kind": "file"},
        }
        # a request may well time out on a busy machine: that is no reason to give an effect up
        retries = {"attempts": 100, "first_seconds": 0.01, "longest_seconds": 0.05}
        yield home_with(tmp_path, connectors, timeout_seconds=0.5, lease_seconds=2, retries=retries)


def ask(settings: Settings, numbers: "count[int]") -> None:
    """An effect more for each lead and connector; the number grows with each."""
    effects = []
    for lead in range(LEADS):
        number = next(numbers)
        fields = {"number": number, "crm_id": f"{lead}"}
        effects += [
            now_effect(f"{name}-{number}", connector=name, lead_id=f"lead_{lead}", fields=fields)
            for name in ("hook", "crm", "lines")
        ]
    asks(settings, *effects).dispose()


def waiting(settings: Settings) -> int:
    return sum(n for (_, state), n in desk_of(settings).counts().items() if state == "waiting")


def phase(settings: Settings, receivers: Receivers, waited: int, heard: int) -> str:
    """How far a killed worker had come."""
    if receivers.count > heard:
        return "2 amid deliveries" if waiting(settings) else "3 at its end"
    return "1 with its first claims" if waiting(settings) < waited else "0 before them"


def written(settings: Settings) -> list[Effect]:
    lines = (line for p in (settings.home / "effects").glob("*.jsonl") for line in p.open("rb"))
    return [msgspec.json.decode(line, type=Effect) for line in lines]


@pytest.mark.parametrize(("seed", "most"), [SHORT, LONG])
def test_deliveries_killed_anywhere(
    seed: int,
    most: int,
    settings: Settings,
    receivers: Receivers,
    capsys: pytest.CaptureFixture[str],
) -> None:
    numbers = count()
    environment = {**settings.environment(), "PYTHONDONTWRITEBYTECODE": "1"}
    ask(settings, numbers)
    timed(environment, *WORDS)  # the first one loads the libraries
    ask(settings, numbers)
    usual_s = timed(environment, *WORDS)
    victim = Victim(environment, WORDS, ("home/workflow.db*", "home/effects/*"), usual_s)
    kills = AmidMessages(random.Random(seed), most, receivers=receivers)
    while not kills.spent:
        ask(settings, numbers)
        before = waiting(settings), receivers.count
        kills.strike(victim, lambda b=before: phase(settings, receivers, *b))  # type: ignore[misc]
    end = time.monotonic() + MOST_S
    while waiting(settings):
        assert time.monotonic() < end
        victim.finish()
    asked = next(numbers)
    counts = desk_of(settings).counts()
    assert counts == {(name, "delivered"): asked for name in ("hook", "crm", "lines")}
    wanted = {f"hook-{n}" for n in range(asked)}
    assert set(receivers.hooks.done) == wanted, "each key once at whoever knows its keys"
    held = [one.key for one in written(settings)]
    assert Counter(held) == Counter(f"lines-{n}" for n in range(asked)), "each line once"
    for who, order in receivers.heard.items():
        assert order == sorted(order), f"{who} heard an older effect after a newer one"
    newest = {f"{lead}": f"{asked - LEADS + lead}" for lead in range(LEADS)}
    scores = {lead: one["lead_score"] for lead, one in receivers.portal.contacts.items()}
    assert scores == newest
    twice = receivers.count - 2 * asked
    kills.report(capsys, "effects", f"{3 * asked} effects, {twice} messages came twice")
