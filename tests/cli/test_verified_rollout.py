"""A rollout's certificate: made again to the same digits, whatever came in later."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from config.settings import Settings
from tests.commands import Answer, leadscore
from tests.conftest import Trained

Run = Callable[..., Answer]


@pytest.fixture
def run(own_home: Settings) -> Run:
    """Runs `leadscore …` on a home of its own."""
    return partial(leadscore, own_home.home)


def later(trained: Trained, path: Path, days: float, share: int, name: str) -> Path:
    """A file of deals that every so many-th person wins, so many days after all that is known."""
    events = []
    for line in trained.signals.read_text().split("\n"):
        with suppress(json.JSONDecodeError, KeyError):  # the simulator spoils some lines
            document = json.loads(line)
            if document["time"].endswith("Z") and document["source"] == "crm":
                events.append(document)
    newest = max(datetime.fromisoformat(one["time"]) for one in events)
    people = sorted({p for one in events if (p := one["identifiers"].get("crm_id"))})
    won = next(one for one in events if one["type"] == "crm.deal_won")
    at = (newest + timedelta(days=days)).isoformat()
    documents = [
        json.dumps(
            {
                **won,
                "id": f"{name}-{person}",
                "time": at,
                "recordedtime": at,
                "identifiers": {"crm_id": person},
            }
        )
        for person in people[::share]
    ]
    path.write_text("\n".join(documents) + "\n")
    return path


def steps(run: Run) -> tuple[int, list[dict[str, Any]]]:
    answer = run("rollout", "verify", "--json")
    return answer.returncode, json.loads(answer.stdout)


@pytest.mark.slow
def test_a_certificate_is_made_again(run: Run, trained: Trained, tmp_path: Path) -> None:
    answer = run("rollout", "verify")
    assert (answer.returncode, "rests on a certificate" in answer.stderr) == (3, True)
    assert run("score", "--all", "--out", str(tmp_path / "s.parquet")).returncode == 0
    for days, share in ((3, 7), (40, 11)):
        file = later(trained, tmp_path / f"{days}.jsonl", days, share, f"after-{days}")
        assert run("ingest", str(file)).returncode == 0
    reason = ("--reason", "tests")
    assert run("rollout", "abort", *reason).returncode == 0
    assert run("rollout", "start", "--plan", str(plan(tmp_path)), *reason).returncode == 0
    bad = tmp_path / "figures.json"
    bad.write_text('{"decisions": 700, "error_rate": 0.5}')
    assert run("rollout", "tick", "--figures", str(bad)).returncode == 1
    code, found = steps(run)
    assert (code, [one["sound"] for one in found]) == (0, [True])
    certificate = found[0]["recorded"]
    assert certificate["accounts"] > 20
    assert run("rollout", "verify").stdout.split()[1:3] == ["rollout_rolled_back", "sound"]

    # what arrives later, though it happened before, and what is decided later, change nothing
    late = later(trained, tmp_path / "late.jsonl", 4, 5, "late")
    assert run("ingest", str(late)).returncode == 0
    assert run("score", "--all", "--out", str(tmp_path / "t.parquet")).returncode == 0
    assert steps(run) == (code, found)

    assert run("rollout", "verify", "rollout-none").returncode == 3


def plan(folder: Path) -> Path:
    file = folder / "rollout.yaml"
    file.write_text("steps: [{weight: 0.1}, {weight: 0.5}]\nlimits: {error_rate: 0.01}\n")
    return file
