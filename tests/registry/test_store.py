"""The registry over a real MLflow: registering, opening, promoting, rolling back."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from domain.clock import FixedClock
from domain.errors import BadInput, Missing, NoModel, Refused, Unavailable
from domain.measurement import Interval
from domain.versions.manifest import MODEL_FILE, Stage, open_sealed
from registry import rollout
from registry.cache import open_cached, read_cached_stages
from registry.gate_file import load_gates
from registry.ledger import Ledger
from registry.promotion import Terms, promote
from registry.rollout_spec import RolloutSpec
from registry.store import Registry
from registry.transitions import GateRefusal, GateVerdict
from tests.registry.cached import cached

Sealed = Callable[..., Path]
Open = Callable[..., Registry]
WORSE = {"auroc": Interval(value=0.6, low=0.55, high=0.65)}
CHAMPION, CHALLENGER = Stage.CHAMPION, Stage.CHALLENGER


def mlflow_says(tmp_path: Path, name: str = "lead") -> tuple[dict[str, int], dict[int, str]]:
    """Aliases and stage tags, as MLflow's own client reads them."""
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db", f"sqlite:///{tmp_path}/mlflow.db")
    aliases = {k: int(v) for k, v in client.get_registered_model(name).aliases.items()}
    found = client.search_model_versions(f"name='{name}'")
    return aliases, {int(v.version): v.tags["stage"] for v in found}


def test_a_registered_version_comes_back_whole(
    registry_at: Open, sealed: Sealed, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = sealed()
    version = registry_at().register(folder, run_id=None, by="ann")
    assert (version.label, version.stage) == ("lead-1", Stage.CANDIDATE)
    elsewhere = registry_at(cache="other")
    assert elsewhere.versions() == [version]
    assert elsewhere.get("1") == elsewhere.get("lead-1") == version
    with pytest.raises(Missing, match="version-cached"):
        cached(elsewhere, "lead-1")
    fetched, manifest = elsewhere.fetch("lead-1")
    assert manifest == open_sealed(folder)
    held = {p.relative_to(fetched): p.read_bytes() for p in fetched.rglob("*") if p.is_file()}
    sent = {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert held == sent
    assert mlflow_says(tmp_path) == ({}, {1: "candidate"})
    assert capfd.readouterr() == ("", "")


def test_metrics_stand_in_the_run_that_was_given(
    registry_at: Open, sealed: Sealed, tmp_path: Path
) -> None:
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    registry = registry_at()
    client = MlflowClient(uri, uri)
    place = client.create_experiment("mine", artifact_location=(tmp_path / "mine").as_uri())
    run = client.create_run(place).info.run_id
    registry.register(sealed(), run_id=run, by="ann")
    data = client.get_run(run).data
    assert data.metrics["auroc"] == 0.80
    assert data.metrics["auroc.low"] == 0.75
    assert data.metrics["count.test_positives"] == 40
    assert client.get_run(run).info.status == "RUNNING"
    assert (tmp_path / "mine" / run / "artifacts" / "version" / MODEL_FILE).is_file()


@pytest.mark.parametrize("fault", ["missing", "altered", "unsealed"])
def test_an_unsound_folder_is_refused(
    registry_at: Open, sealed: Sealed, ledger_at: Callable[..., Ledger], fault: str
) -> None:
    folder = sealed()
    match fault:
        case "missing":
            (folder / MODEL_FILE).unlink()
        case "altered":
            (folder / MODEL_FILE).write_bytes(b"other")
        case _:
            (folder / "manifest.json").unlink()
    registry = registry_at()
    with pytest.raises(BadInput, match="version-"):
        registry.register(folder, run_id=None, by="ann")
    assert registry.versions() == []
    assert ledger_at().entries() == []


def test_a_name_mlflow_cannot_hold_is_refused(registry_at: Open, sealed: Sealed) -> None:
    with pytest.raises(BadInput, match="version-name"):
        registry_at().register(sealed(name="../lead"), run_id=None, by="ann")


def test_an_altered_cache_is_not_opened_but_mended(registry_at: Open, sealed: Sealed) -> None:
    registry = registry_at()
    registry.register(sealed(), run_id=None, by="ann")
    folder, _ = registry.fetch("lead-1")
    (folder / MODEL_FILE).write_bytes(b"other")
    with pytest.raises(BadInput, match="version-unaltered"):
        cached(registry, "lead-1")
    mended, _ = registry.fetch("lead-1")
    assert open_sealed(mended)


@pytest.mark.parametrize("fault", ["altered", "missing", "resealed"])
def test_mlflows_copy_is_checked_too(
    registry_at: Open, sealed: Sealed, tmp_path: Path, fault: str
) -> None:
    registry_at().register(sealed(), run_id=None, by="ann")
    (stored,) = (tmp_path / "artifacts").rglob("version")
    match fault:
        case "altered":
            (stored / MODEL_FILE).write_bytes(b"other")
        case "missing":
            (stored / MODEL_FILE).unlink()
        case _:
            shutil.rmtree(stored)
            shutil.copytree(sealed(), stored)
    with pytest.raises(BadInput, match="version-"):
        registry_at(cache="other").fetch("lead-1")
    assert not (tmp_path / "other" / "versions" / "lead-1").exists()


def test_a_tag_that_differs_from_the_ledger_is_refused(
    registry_at: Open, sealed: Sealed, tmp_path: Path
) -> None:
    registry_at().register(sealed(), run_id=None, by="ann")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    MlflowClient(uri, uri).set_model_version_tag("lead", "1", "manifest", "0" * 64)
    with pytest.raises(BadInput, match="tag 'manifest' was changed"):
        registry_at(cache="other").fetch("lead-1")


def test_promotion_rollout_and_rollback(
    registry_at: Open, sealed: Sealed, tmp_path: Path, clock: FixedClock
) -> None:
    registry = registry_at()
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    with pytest.raises(NoModel):
        open_cached(registry.cache)
    first = promote(registry, "1", CHAMPION, by="ann", reason="first")
    assert (first.former, first.rollout, first.override) == (Stage.CANDIDATE, None, False)
    second = promote(registry, "lead-2", CHALLENGER, by="bob", reason="try it")
    assert second.rollout is not None
    assert second.rollout.weight == 0.1
    assert mlflow_says(tmp_path) == (
        {"champion": 1, "challenger": 2},
        {1: "champion", 2: "challenger"},
    )
    opened = open_cached(registry.cache)
    assert opened.challenger is not None
    assert (opened.champion.label, opened.challenger.label) == ("lead-1", "lead-2")
    assert opened.rollout == second.rollout

    grown = rollout.advance(registry, weight=0.5, by="bob", reason="good so far")
    assert grown.id == second.rollout.id
    assert read_cached_stages(registry.cache).rollout == grown
    promote(registry, "lead-2", CHAMPION, by="bob", reason="better")
    assert rollout.status(registry) is None
    assert mlflow_says(tmp_path) == ({"champion": 2}, {1: "archived", 2: "champion"})

    back = registry.rollback(by="ann", reason="alarm")
    assert back is not None
    assert back.label == "lead-1"
    assert mlflow_says(tmp_path) == ({"champion": 1}, {1: "champion", 2: "archived"})
    assert open_cached(registry.cache).champion.label == "lead-1"
    assert registry.standing().champion == "lead-1"
    kinds = [entry.kind for entry in registry.ledger.entries()]
    assert kinds == [
        "registered",
        "registered",
        "promoted",
        "promoted",
        "rollout_started",
        "rollout_changed",
        "rollout_finished",
        "promoted",
        "rolled_back",
    ]
    assert registry.verify() is None
    with pytest.raises(Missing, match="former-champion"):
        registry.rollback(by="ann", reason="again")


def test_a_gate_refuses_and_an_override_is_on_record(registry_at: Open, sealed: Sealed) -> None:
    registry = registry_at()
    registry.register(sealed(), run_id=None, by="ann")
    registry.register(sealed(WORSE), run_id=None, by="ann")
    promote(registry, "1", CHAMPION, by="ann", reason="first")
    before = registry.ledger.entries()
    with pytest.raises(GateRefusal) as refusal:
        promote(registry, "2", CHAMPION, by="ann", reason="hope")
    assert [r.name for r in refusal.value.results if not r.passed] == ["ranks_like_champion"]
    assert registry.ledger.entries() == before
    with pytest.raises(BadInput, match="reason-given"):
        promote(registry, "2", CHAMPION, by="ann", reason="", override=True)
    done = promote(registry, "2", CHAMPION, by="ann", reason="the old one leaks", override=True)
    last = registry.ledger.entries()[-1]
    assert done.override
    assert last.override
    assert last.gates == done.gates
    assert last.rules == load_gates().label


def test_rollouts_by_hand(registry_at: Open, sealed: Sealed) -> None:
    registry = registry_at()
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    registry.transition("lead-1", CHAMPION, by="ann", reason="first")
    with pytest.raises(NoModel, match="rollout-arms"):
        rollout.start(registry, by="ann", reason="none")
    with pytest.raises(Missing, match="rollout-running"):
        rollout.abort(registry, by="ann", reason="none")
    promote(registry, "2", CHALLENGER, by="ann", reason="x", terms=Terms(weight=None))
    plan = rollout.start(registry, by="ann", reason="shadow", course=RolloutSpec(mode="shadow"))
    with pytest.raises(Refused, match="rollout-single"):
        rollout.start(registry, by="ann", reason="twice")
    with pytest.raises(BadInput, match="rollout-weight"):
        rollout.advance(registry, weight=1.5, by="ann", reason="more")
    assert rollout.abort(registry, by="ann", reason="enough") == plan
    assert open_cached(registry.cache).rollout is None
    assert registry.at(CHALLENGER) == registry.get("lead-2")
    registry.transition("lead-2", Stage.ARCHIVED, by="ann", reason="no use")
    assert registry.at(CHALLENGER) is None


def test_serving_opens_without_mlflow_or_database(
    registry_at: Open, sealed: Sealed, tmp_path: Path
) -> None:
    registry = registry_at()
    for number in ("1", "2"):
        registry.register(sealed(), run_id=None, by="ann")
        promote(registry, number, CHAMPION, by="ann", reason="next")
    for path in ("artifacts", "mlflow.db", "ledger.db"):
        target = tmp_path / path
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    script = (
        "import sys; from pathlib import Path; from registry.cache import open_cached\n"
        "print(open_cached(Path(sys.argv[1])).champion.label)\n"
        "assert not {'mlflow', 'sqlalchemy'} & set(sys.modules)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(registry.cache)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "lead-2\n"


def test_a_broken_challenger_does_not_take_the_champion_down(
    registry_at: Open, sealed: Sealed
) -> None:
    registry = registry_at()
    for number, stage in (("1", CHAMPION), ("2", CHALLENGER)):
        registry.register(sealed(), run_id=None, by="ann")
        promote(registry, number, stage, by="ann", reason="next")
    challenger, _ = cached(registry, "lead-2")
    (challenger / MODEL_FILE).unlink()
    opened = open_cached(registry.cache)
    assert (opened.champion.label, opened.challenger, opened.rollout) == ("lead-1", None, None)
    assert "model.cbm is missing" in opened.fault
    champion, _ = cached(registry, "lead-1")
    (champion / MODEL_FILE).write_bytes(b"other")
    with pytest.raises(BadInput, match="version-unaltered"):
        open_cached(registry.cache)


def test_a_champion_that_cannot_be_opened_fails_a_gate(
    registry_at: Open, sealed: Sealed, tmp_path: Path
) -> None:
    registry = registry_at()
    for _ in range(2):
        registry.register(sealed(), run_id=None, by="ann")
    promote(registry, "1", CHAMPION, by="ann", reason="first")
    shutil.rmtree(cached(registry, "lead-1")[0])
    for stored in (tmp_path / "artifacts").rglob(MODEL_FILE):
        stored.write_bytes(b"other")
    with pytest.raises(GateRefusal, match="champion_opens"):
        promote(registry, "2", CHAMPION, by="ann", reason="rescue")
    promote(registry, "2", CHAMPION, by="ann", reason="rescue", override=True)
    assert open_cached(registry.cache).champion.label == "lead-2"


def test_a_cut_off_ledger_is_noticed(registry_at: Open, sealed: Sealed, tmp_path: Path) -> None:
    registry = registry_at()
    registry.register(sealed(), run_id=None, by="ann")
    shutil.copy(tmp_path / "ledger.db", tmp_path / "old.db")
    promote(registry, "1", CHAMPION, by="ann", reason="first")
    shutil.copy(tmp_path / "old.db", tmp_path / "ledger.db")
    later = registry_at()
    assert later.ledger.verify() is None
    assert later.verify() == 2


def test_changes_stand_while_mlflow_is_away(
    registry_at: Open, sealed: Sealed, tmp_path: Path, clock: FixedClock
) -> None:
    registry = registry_at()
    for number in ("1", "2"):
        registry.register(sealed(), run_id=None, by="ann")
        promote(registry, number, CHAMPION, by="ann", reason="next")
    away = Registry(
        "sqlite:////proc/no/mlflow.db", tmp_path, registry.ledger, clock, registry.cache
    )
    back = away.rollback(by="ann", reason="alarm")
    assert back is not None
    assert back.label == "lead-1"
    assert open_cached(registry.cache).champion.label == "lead-1"
    with pytest.raises(Unavailable) as trouble:
        away.reconcile()
    assert trouble.value.retryable
    assert mlflow_says(tmp_path)[0] == {"champion": 2}
    registry.reconcile()
    assert mlflow_says(tmp_path)[0] == {"champion": 1}


def test_a_number_may_be_ambiguous(registry_at: Open, sealed: Sealed, tmp_path: Path) -> None:
    registry = registry_at()
    registry.register(sealed(), run_id=None, by="ann")
    registry.register(sealed(name="other"), run_id=None, by="ann")
    with pytest.raises(BadInput, match="version-unambiguous"):
        registry.get("1")
    with pytest.raises(Missing, match="version-known"):
        registry.get("lead-2")
    registry.transition("lead-1", CHAMPION, by="ann", reason="x", verdict=GateVerdict())
    registry.transition("other-1", CHAMPION, by="ann", reason="x")
    assert mlflow_says(tmp_path, "lead") == ({}, {1: "archived"})
    assert mlflow_says(tmp_path, "other") == ({"champion": 1}, {1: "champion"})
