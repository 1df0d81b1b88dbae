"""From an export to ranked leads in one go."""

import csv
import random
from pathlib import Path

import pytest
import yaml

from tests.commands import leadscore


def export(path: Path, rows: int = 700) -> Path:
    """Leads of which those from referrals are won more often; `Points` are given at the end."""
    draw = random.Random(4)
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["Lead ID", "Created", "Source", "Size", "Points", "Won"])
        for i in range(rows):
            source = draw.choice(["referral", "fair", "search"])
            won = draw.random() < (0.6 if source == "referral" else 0.15)
            points = draw.randrange(60, 100) if won else draw.randrange(55)
            day = f"2025-{1 + i // 60:02}-{1 + i % 28:02}T08:00:00Z"
            row = [f"L{i}", day, source, draw.randrange(900), points, "yes" if won else "no"]
            writer.writerow(row)
    return path


@pytest.mark.slow
def test_an_export_is_ranked_in_a_home_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADSCORE_SIGNALS_DB", "postgresql://nobody@localhost:1/none")
    path, home = export(tmp_path / "leads.csv"), tmp_path / "tried"
    words = ("try", str(path), "--yes", "--trials", "1", "--no-open", "--home", str(home))
    done = leadscore(tmp_path / "other", *words)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "other").exists()
    with (home / "ranked.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 700
    assert {row["lead"] for row in rows} == {f"crm_id:L{i}" for i in range(700)}
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    wins = [row["won_already"] == "yes" for row in rows]
    assert sum(wins[:200]) > 2 * sum(wins[-200:])
    training = yaml.safe_load((home / "training.yaml").read_text())
    assert training["exclude"] == ["points"]
    assert "leakage guard" in (home / "training.yaml").read_text()
    for line in ("evaluation", "report"):
        (shown,) = [text for text in done.stdout.splitlines() if text.startswith(f"{line}  ")]
        assert Path(shown.split(maxsplit=1)[1]).is_file()
    again = leadscore(tmp_path / "other", "score", "crm_id:L1")
    assert again.returncode != 0  # the other home knows nobody


@pytest.mark.slow
@pytest.mark.parametrize("kept", [["Source"], ["Size"]], ids=["texts alone", "numbers alone"])
def test_features_of_one_kind_alone_are_reported_on(tmp_path: Path, kept: list[str]) -> None:
    with export(tmp_path / "all.csv", 400).open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    path, home = tmp_path / "leads.csv", tmp_path / "tried"
    with path.open("w", newline="") as stream:
        columns = ["Lead ID", "Created", *kept, "Won"]
        writer = csv.DictWriter(stream, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    words = ("try", str(path), "--yes", "--trials", "1", "--no-open", "--home", str(home))
    done = leadscore(tmp_path / "other", *words)
    assert done.returncode == 0, done.stderr
    assert (home / "reports" / "report.html").is_file()


def test_a_folder_with_other_data_is_left_alone(tmp_path: Path) -> None:
    path, home = export(tmp_path / "leads.csv", 40), tmp_path / "mine"
    home.mkdir()
    (home / "thesis.txt").write_text("years of work")
    done = leadscore(tmp_path / "h", "try", str(path), "--yes", "--home", str(home), "--no-open")
    assert (done.returncode, "try-home" in done.stderr) == (2, True)
    assert (home / "thesis.txt").read_text() == "years of work"
