"""An override on a trained home: set, scored with, replayed, ended."""

import csv
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from config.settings import Settings
from tests.commands import leadscore

pytestmark = pytest.mark.slow
LAST = ("owner_pool", "service_level_h", "because", "override")


def scored(settings: Settings, lead: str) -> dict[str, object]:
    answer = leadscore(settings.home, "score", lead, "--json")
    assert answer.returncode == 0, answer.stderr
    body = json.loads(answer.stdout)
    one: dict[str, object] = body[0] if isinstance(body, list) else body
    return one


def assert_files_tell(home: Path, lead: str) -> None:
    """Exports and batches have what came later at their end, and only the overridden one has it."""
    for name in ("audit.csv", "audit.parquet"):
        assert leadscore(home, "audit", "export", "--out", str(home / name)).returncode == 0
    with (home / "audit.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0])[-6:] == ["texts", *LAST, "override_reason"]
    (row,) = [one for one in rows if one["override"]]
    assert (row["lead_id"], row["queue"]) == (lead, "partners")
    assert (row["override"], row["override_reason"]) == ("1", "a partner")
    table = pq.read_table(home / "audit.parquet").to_pylist()
    assert {one["override"] for one in table} == {None, 1}
    assert all(one["because"] for one in table)
    for name in ("all.csv", "all.jsonl", "all.parquet"):
        assert leadscore(home, "score", "--all", "--out", str(home / name)).returncode == 0
    answers = pq.read_table(home / "all.parquet")
    assert answers.column_names[-5:] == ["decision_id", *LAST]
    assert [a["lead_id"] for a in answers.to_pylist() if a["override"] == 1] == [lead]
    with (home / "all.csv").open(encoding="utf-8", newline="") as file:
        assert [a["lead_id"] for a in csv.DictReader(file) if a["override"] == "1"] == [lead]
    lines = [json.loads(line) for line in (home / "all.jsonl").read_text().splitlines()]
    assert [a["lead_id"] for a in lines if a["override"] == 1] == [lead]


def assert_nothing_moves(home: Path, policy: str) -> None:
    """Under the policy that decided, the override counts in no move."""
    words = ["policy", "backtest", policy, "--json"]
    done = leadscore(home, *words)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["moved"], told["other_step"], told["moves"]) == (0, 0, [])
    assert told["overridden"] == 4


def test_a_lead_is_decided_otherwise_until_it_ends(own_home: Settings) -> None:
    home = own_home.home
    assert leadscore(home, "score", "--all", "--out", str(home / "s.jsonl")).returncode == 0
    answers = [json.loads(line) for line in (home / "s.jsonl").read_text().splitlines()]
    lead = next(a["lead_id"] for a in answers if a["eligible"])
    words = [
        "--lead",
        lead,
        "--queue",
        "partners",
        "--until",
        "2099-01-01",
        "--reason",
        "a partner",
    ]
    refused = leadscore(home, "policy", "override", "set", *words)
    assert (refused.returncode, "override-until" in refused.stderr) == (2, True)
    plain = scored(own_home, lead)
    until = str(plain["features_as_of"])[:4]
    words[5] = f"{int(until) + 1}-01-01"
    assert leadscore(home, "policy", "override", "set", *words).returncode == 0
    assert leadscore(home, "policy", "override", "set", *words).returncode == 1

    now = scored(own_home, lead)
    assert now["decision"]["queue"] == "partners"  # type: ignore[index]
    assert now["decision"]["rules"][-1] == "override.1"  # type: ignore[index]
    replay = leadscore(home, "audit", "replay", str(now["decision_id"]))
    assert replay.returncode == 0, replay.stdout
    shown = leadscore(home, "audit", "show", str(now["decision_id"]))
    assert "override 1 of its lead changed the decision" in shown.stdout
    assert "partners" in leadscore(home, "policy", "override", "list").stdout

    assert_files_tell(home, lead)
    assert_nothing_moves(home, str(now["versions"]["policy"]).removesuffix("-1"))  # type: ignore[index]
    ended = leadscore(home, "policy", "override", "withdraw", "1", "--reason", "over")
    assert ended.returncode == 0, ended.stderr
    assert scored(own_home, lead)["decision"] == plain["decision"]
    assert leadscore(home, "audit", "replay", str(now["decision_id"])).returncode == 0
    verified = leadscore(home, "audit", "verify")
    assert "overrides" in verified.stdout
