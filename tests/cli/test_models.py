"""Commands about models, on a home whose clock follows its events."""

import json
from pathlib import Path

from typer.testing import CliRunner, Result

from config.settings import Settings
from domain.clock import iso
from jobs.models.account_names import name_of
from leadscore.cli import app
from tests.conftest import Trained
from wiring.decisions import open_trail
from wiring.signals import open_signals


def on(settings: Settings, *words: str) -> Result:
    """Run a command on a home."""
    env = {"LEADSCORE_HOME": str(settings.home), "LEADSCORE_CLOCK": "watermark"}
    return CliRunner().invoke(app, list(words), env=env)


def test_two_versions_are_compared_on_the_same_rows(trained: Trained) -> None:
    held = on(trained.settings, "models", "compare", "1", "2", "--json")
    assert held.exit_code == 0, held.output
    found = json.loads(held.stdout)
    assert found["rows"] > 0
    assert {m["name"] for m in found["measures"]} >= {"auroc", "average_precision", "brier"}
    told = on(trained.settings, "models", "compare", "1", "2").stdout
    assert "rows of both tests" in told
    assert "difference" in told


def test_a_version_beside_itself_differs_by_nothing(trained: Trained) -> None:
    found = json.loads(on(trained.settings, "models", "compare", "1", "1", "--json").stdout)
    for measure in found["measures"]:
        assert [measure["difference"][end] for end in ("value", "low", "high")] == [0, 0, 0]


def test_an_account_is_named_as_the_files_named_it(trained: Trained) -> None:
    plane = open_signals(trained.settings)
    accounts = {str(ref.account_id) for ref in plane.directory.all() if ref.account_id}
    names = [name_of(plane.engine, account) for account in sorted(accounts)[:30]]
    assert all(name is not None for name in names)
    assert all(str(name).startswith(("A-", "company-")) for name in names)
    assert name_of(plane.engine, "acct_" + "0" * 16) is None


def test_history_of_a_day_in_the_time_of_the_events(own_home: Settings, tmp_path: Path) -> None:
    assert on(own_home, "score", "--all", "--out", str(tmp_path / "leads.parquet")).exit_code == 0
    first = next(open_trail(own_home).records())
    day = iso(first.decided_us)[:10]
    told = on(own_home, "models", "history", "--at", day)
    assert told.exit_code == 0, told.output
    assert "clock of this home follows its events" in told.stdout
    assert first.answer.versions.model in told.stdout
    found = json.loads(on(own_home, "models", "history", "--at", day, "--json").stdout)
    made = list(open_trail(own_home).records())
    assert sum(one["decisions"] for one in found["deciding"]) == len(made)
    other = json.loads(on(own_home, "models", "history", "--at", "2020-01-01", "--json").stdout)
    assert other["deciding"] == []
