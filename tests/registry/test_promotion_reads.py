"""How often a promotion reads the ledger and hashes a version: once, however large they grow."""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine
from typer.testing import CliRunner

from config.settings import Settings
from domain.errors import Refused
from domain.versions.manifest import open_sealed_as
from leadscore.cli import app
from registry import cache
from registry.gate_file import STANDARD_FILE
from registry.ledger import proven_entries
from wiring import policies
from wiring.decisions import policy_path
from wiring.integrity import agreement
from wiring.registry import open_registry

WHOLE = "FROM promotion_ledger ORDER BY promotion_ledger.sequence"
WHY = ("--reason", "tests", "--by", "ann")


@pytest.fixture
def home(tmp_path: Path, mlflow_template: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    folder = tmp_path / "home"
    folder.mkdir()
    shutil.copy(mlflow_template, folder / "mlflow.db")
    monkeypatch.setenv("LEADSCORE_HOME", str(folder))
    return Settings(home=folder)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter[str]]:
    """Readings of the whole ledger, and by label the hashings of a version's folder.

    `proofs` are the readings that check the chain, for the anchors and for what is in force.
    """
    found: Counter[str] = Counter()

    def statement(_c: object, _k: object, text: str, *_: object) -> None:
        found["reads"] += " ".join(text.split()).endswith(WHOLE)

    def hashing(folder: Path, *rest: type) -> object:
        found[folder.name] += 1
        return open_sealed_as(folder, *rest)

    def proving(engine: Engine) -> object:
        found["proofs"] += 1
        found["reads"] -= 1
        return proven_entries(engine)

    monkeypatch.setattr(cache, "open_sealed_as", hashing)
    monkeypatch.setattr(agreement, "proven_entries", proving)
    event.listen(Engine, "before_cursor_execute", statement)
    yield found
    event.remove(Engine, "before_cursor_execute", statement)


def command(*words: str) -> None:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == 0, done.output


def test_models(home: Settings, sealed: Callable[..., Path], counted: Counter[str]) -> None:
    registry = open_registry(home)
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    for words, hashed in (
        (("promote", "1", "--stage", "champion"), ["lead-1"]),
        (("promote", "2", "--stage", "challenger"), ["lead-1", "lead-2"]),
        (("rollout", "finish"), ["lead-1", "lead-2"]),
        (("rollback",), ["lead-1"]),
    ):
        counted.clear()
        command(*words, *WHY)
        assert counted == {"reads": 1, "proofs": 1, **dict.fromkeys(hashed, 1)}, words


def test_policies(home: Settings, counted: Counter[str]) -> None:
    for _ in range(2):
        policies.register(home, policy_path("standard"), "ann")
    for words, hashed, proofs in (
        (("promote", "standard-1"), ["standard-1"], 2),
        (("promote", "standard-2"), ["standard-1", "standard-2"], 2),
        (("rollback",), ["standard-1"], 1),
    ):
        counted.clear()
        command("policy", *words, *WHY)
        assert counted == {"reads": 1, "proofs": proofs, **dict.fromkeys(hashed, 1)}, words


def test_an_approval(home: Settings, counted: Counter[str]) -> None:
    rules = STANDARD_FILE.read_text().replace("second_approver: false", "second_approver: true")
    (home.home / STANDARD_FILE.name).write_text(rules)
    policies.register(home, policy_path("standard"), "ann")
    command("policy", "promote", "standard-1", *WHY)
    counted.clear()
    done = CliRunner().invoke(app, ["approve", "standard-1", "--reason", "tests", "--by", "bob"])
    assert isinstance(done.exception, Refused)  # the same account at the operating system
    assert done.exception.rule == "second-approver"
    assert counted == {"reads": 1, "proofs": 1, "standard-1": 1}
