"""One company of many leads that all won, taken in and trained on by the command line.

Its leads look like all others, but for what the features of an account tell. What is told of the
others must be as good as without it; that the bound is what makes it so is shown on data without
such features, in tests/training/test_accounts.py.
"""

import csv
import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from measures.ranking import auroc
from tests.commands import Answer, leadscore

COMPANY = "Big-Corp.com"
LEADS, ACCOUNTS, ITS_LEADS = 3000, 1500, 800
DAYS, OPEN_FROM = 300, 270
"""Leads of the last days, one horizon, have no outcome yet: nothing is learnt or judged by them."""

ITS_DAYS = 100, 125
"""Before the test's time: nothing but what is learnt from has the company, and most of one fold."""

SEEDS = (1, 2)
MARGIN = 0.02
"""By how much less AUROC the company may make of the others' open leads, than a run without it."""

TOLD = 0.05
"""By how much the mean probability told of them may differ from the share that wins."""

MAPPING = """
name: shop
source: crm
channel: crm
half_lives_days: [7]
tables:
  - identifiers: {crm_id: Id, email: Email}
    time: Created
    events:
      - type: shop.lead_created
        data:
          visits: {column: Visits, kind: number}
          size: {column: Size, kind: number}
          origin: Origin
      - type: shop.deal_won
        when: [{column: Closed, present: true}]
        time: Closed
outcomes:
  won: {types: [shop.deal_won]}
"""
TRAINING = """
horizon_days: 30
cutoffs: {rule: after, types: [shop.lead_created], delay_hours: 0}
split: {embargo_days: 10}
trials: 3
iterations: 60
border_count: 32
"""


class World(NamedTuple):
    """A home, and what will become of the leads that are open in it, by CRM id."""

    home: Path
    open: dict[str, int]


class Told(NamedTuple):
    """Of the open leads of others: how well they are ranked, and how far off the mean is."""

    auroc: float
    off: float


def _rows(random: np.random.Generator) -> tuple[list[list[Any]], dict[str, int]]:
    rows, still_open = [], {}
    for i in range(LEADS + ITS_LEADS):
        its = i >= LEADS
        day = random.uniform(*ITS_DAYS) if its else random.uniform(0, DAYS)
        domain = COMPANY if its else f"firm{random.integers(ACCOUNTS)}.com"
        visits, origin = int(random.integers(20)), str(random.choice(["referral", "search"]))
        chance = 1 / (1 + math.exp(4.2 - 0.22 * visits - 1.2 * (origin == "referral")))
        won = its or random.random() < chance
        if day >= OPEN_FROM:
            still_open[f"L{i}"] = int(won)
        created = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day)
        closed = created + timedelta(days=random.uniform(1, 9))
        shown = closed.isoformat() if won and day < OPEN_FROM else ""
        size = int(random.integers(5000))
        known = f"L{i}", created.isoformat(), f"p{i}@{domain}", visits, size, origin, shown
        rows.append([*known])
    return rows, still_open


@pytest.fixture(autouse=True)
def _policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADSCORE_POLICY", "generic")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("one-company")
    rows, still_open = _rows(np.random.default_rng(1))
    with (folder / "leads.csv").open("w", newline="") as out:
        names = ["Id", "Created", "Email", "Visits", "Size", "Origin", "Closed"]
        csv.writer(out).writerows([names, *rows])
    (folder / "mapping.yaml").write_text(MAPPING)
    home = folder / "home"
    files = str(folder / "leads.csv"), "--mapping", str(folder / "mapping.yaml")
    run(home, "ingest", *files)
    return World(home, still_open)


def run(home: Path, *words: str) -> Answer:
    done = leadscore(home, *words)
    assert done.returncode == 0, done.stderr
    return done


def train(world: World, seed: int, more: str = "") -> Answer:
    settings = world.home.parent / "training.yaml"
    settings.write_text(TRAINING + more)
    return run(world.home, "train", "--config", str(settings), "--seed", str(seed), "--json")


def shown(world: World, trained: Answer) -> dict[str, Any]:
    """What the registry holds of a version."""
    label = json.loads(trained.stdout)["label"]
    found: dict[str, Any] = json.loads(run(world.home, "models", "show", label, "--json").stdout)
    return found


def told(world: World, trained: Answer) -> Told:
    """What a version tells of the open leads, once it serves."""
    label = json.loads(trained.stdout)["label"]
    overruled = "--override", "--reason", "to be measured"
    run(world.home, "promote", label, "--stage", "champion", *overruled)
    keys = [f"crm_id:{lead}" for lead in world.open]
    scores = [a["score"] for a in json.loads(run(world.home, "score", *keys, "--json").stdout)]
    labels = np.array([*world.open.values()])
    return Told(auroc(labels, scores), float(np.mean(scores) - labels.mean()))


@pytest.fixture(scope="module")
def bounded(world: World) -> list[tuple[Answer, Told]]:
    """As the settings are by themselves, a run for each seed."""
    runs = [train(world, seed) for seed in SEEDS]
    return [(run, told(world, run)) for run in runs]


def warnings_of(trained: Answer) -> list[str]:
    return re.findall(r"warning: (.*)", trained.stderr)


@pytest.mark.slow
def test_the_others_are_told_of_as_if_the_company_were_not_there(
    world: World, bounded: list[tuple[Answer, Told]]
) -> None:
    named = [text for text in warnings_of(bounded[0][0]) if "Account" in text or "account" in text]
    assert len(named) == 2
    for text in named:  # by the name that the file has, and with the setting that leaves it out
        assert f'("{COMPANY}" in the files)' in text
        assert "`exclude_accounts` leaves it out" in text
    name = re.findall(r'\(("[^"]+") in the files\)', named[0])[0]
    setting = re.findall(r"`(\w+)` leaves it out", named[0])[0]
    without = train(world, SEEDS[0], f"{setting}: [{name}]\n")  # to the letter
    assert not [text for text in warnings_of(without) if "ccount" in text]
    assert shown(world, without)["manifest"]["counts"]["removed_account_excluded"] == ITS_LEADS
    best = told(world, without)
    assert best.auroc > 0.75
    for _, one in bounded:
        assert one.auroc > best.auroc - MARGIN
        assert abs(one.off) < TOLD


@pytest.mark.slow
def test_a_search_that_found_nothing_is_not_promoted(world: World) -> None:
    found = train(world, SEEDS[0], "exclude: [visits, origin]\n")
    label = json.loads(found.stdout)["label"]
    done = leadscore(world.home, "promote", label, "--stage", "champion", "--reason", "as it is")
    assert done.returncode == 1
    assert re.search(r"ranks_better_than_chance .*REFUSED", done.stdout)
    assert shown(world, found)["version"]["stage"] == "candidate"
