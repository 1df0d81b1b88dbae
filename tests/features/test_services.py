"""Another feature service beside the one in use: built, compared, used, taken back."""

import json
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import yaml
from sqlalchemy import select

from config.home_definition import definition_of
from config.settings import Settings, write_home_settings
from domain.clock import from_us
from domain.definition import FeatureDefinition
from domain.signals import Signal, encode
from domain.state import Vector
from feature_repo.catalogue import catalogue
from feature_repo.standard import STANDARD, read_service, standard_service
from jobs.signals.compare_feature_services import compare
from jobs.signals.feature_services import BESIDE, STATES, Built, build, folder_of, services
from jobs.signals.ingest_files import ingest_files
from jobs.signals.rebuild_states import rebuild_states
from leadscore.cli import main
from signals.events import event_log
from signals.store.feature_states import StateStore
from signals.store.tables import accounts, leads
from simulation.scenarios import scenario
from simulation.simulator import simulate
from simulation.writer import write
from storage.engine import open_engine
from tests.features.slow import Log
from wiring.signals import open_signals

States = dict[str, tuple[Any, Vector]]
ONE = standard_service()


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home of simulated signals."""
    folder = tmp_path_factory.mktemp("services")
    simulated = simulate(150, 3, scenario("steady"), days=120)
    written = write(simulated, folder / "s.jsonl")
    write_home_settings(folder / "home", clock="watermark")
    settings = Settings(home=folder / "home", clock="watermark")
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    return settings


@pytest.fixture
def home(pristine: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    shutil.copytree(pristine.home, tmp_path / "home")
    monkeypatch.setenv("LEADSCORE_HOME", str(tmp_path / "home"))
    return msgspec.structs.replace(pristine, home=tmp_path / "home")


def service_file(folder: Path, **changed: object) -> Path:
    """The standard service, changed, as a file."""
    held = yaml.safe_load(STANDARD.read_text())
    path = folder / "service.yaml"
    path.write_text(yaml.safe_dump({**held, **changed}))
    return path


def second(folder: Path) -> Path:
    """Version 2: a family the fewer, a ratio the more, a family that means something else."""
    held = yaml.safe_load(STANDARD.read_text())
    families = [f for f in held["families"] if f["name"] != "webinar"]
    families[2] = {**families[2], "where": {"page": "blog"}}
    ratio = {"name": "pricing_share", "of": "pricing_view", "over": "page_view"}
    transitions = [t for t in held["transitions"] if t["begins"] != "docs_view"]
    return service_file(
        folder,
        version=2,
        families=families,
        ratios=[*held["ratios"], ratio],
        transitions=transitions,
    )


def leadscore(
    patch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of a command."""
    patch.setattr("sys.argv", ["leadscore", "features", *words])
    code = 0
    try:
        main()
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out, said.err


def states_of(url: str, definition: FeatureDefinition) -> States:
    """Every stored lead and account: account, texts and when it was known; state."""
    engine, store = open_engine(url), StateStore(definition)
    with engine.connect() as connection:
        ids = list(connection.execute(select(leads.c.lead_id)).scalars())
        held: States = {
            row.lead_id: ((row.account, row.known_us, row.texts), row.state)
            for row in store.load(connection, ids)
        }
        keys = list(connection.execute(select(accounts.c.account)).scalars())
        states = store.accounts(connection, keys)
    engine.dispose()
    # an account that everybody left may stay, with nothing in it
    return held | {key: ((), state) for key, state in states.items() if state.any()}


def assert_same(a: States, b: States) -> None:
    assert a.keys() == b.keys()
    for key, (known, state) in a.items():
        assert known == b[key][0]
        np.testing.assert_allclose(state, b[key][1], rtol=1e-9, atol=1e-9)


def test_what_is_built_beside_is_what_a_rebuild_gives_and_leaves_the_rest_alone(
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    before, path = states_of(home.signals_db, ONE), second(tmp_path)
    two = read_service(path)
    code, out, err = leadscore(monkeypatch, capsys, "build", "--service", str(path))
    assert code == 0, err
    assert "standard_v2" in out
    assert definition_of(home) == ONE
    assert_same(states_of(home.signals_db, ONE), before)
    folder = folder_of(home, "standard_v2")
    assert_same(states_of(f"sqlite:///{folder / BESIDE}", ONE), before)
    built = states_of(f"sqlite:///{folder / STATES}", two)
    assert len(built) == len(before) > 150
    code, out, err = leadscore(monkeypatch, capsys, "use", "standard_v2")
    assert (code, definition_of(home).label) == (0, "standard_v2"), err
    assert_same(states_of(home.signals_db, two), built)


def test_build_compare_use_and_roll_back(
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*words: str) -> Any:
        code, out, err = leadscore(monkeypatch, capsys, *words)
        assert code == 0, err
        return json.loads(out) if "--json" in words else out

    live = states_of(home.signals_db, ONE)
    assert [s["standing"] for s in run("services", "--json")] == ["in use"]
    run("build", "--service", str(second(tmp_path)))
    found = run("compare", "standard_v2", "--json")
    one, two = ONE, read_service(second(tmp_path))
    check_names(found, [f.name for f in catalogue(one)], [f.name for f in catalogue(two)])
    check_differences(home, found)
    table = run("compare", "standard_v2")
    assert "pricing_share" in table
    assert "webinar_count" in table
    run("use", "standard_v2")
    standing = {s["label"]: s["standing"] for s in run("services", "--json")}
    assert standing == {"standard_v2": "in use", "standard_v1": "used before"}
    assert "standard_v1" in run("rollback")
    assert definition_of(home) == one
    assert_same(states_of(home.signals_db, ONE), live)
    assert "in use" in run("services")
    code, _, err = leadscore(monkeypatch, capsys, "rollback")
    assert code == 3
    assert "service-before" in err


def check_names(found: dict[str, Any], one: Sequence[str], two: Sequence[str]) -> None:
    assert {a["name"] for a in found["added"]} == set(two) - set(one)
    assert {a["name"] for a in found["removed"]} == set(one) - set(two)
    assert {b["name"] for b in found["both"]} == set(one) & set(two)
    assert {"pricing_share"} == {a["name"] for a in found["added"]}
    assert found["same"] == sum(b["differ"] == 0 for b in found["both"])


def check_differences(home: Settings, found: dict[str, Any]) -> None:
    """The counts of a few features, from the raw log."""
    raw = Log.read(standard_service(), open_signals(home).engine)
    moment = max(e.known_us for e in raw.events)
    people = raw.people(moment)
    assert found["leads"] == len(people)
    views = [
        [e.signal.data.get("page") for e in mine if e.signal.type == "web.page_viewed"]
        for mine in people.values()
    ]
    gaps = [abs(v.count("docs") - v.count("blog")) for v in views]
    both = {b["name"]: b for b in found["both"]}
    docs = both["docs_view_count"]
    assert docs["differ"] == sum(g > 0 for g in gaps) > 0
    assert docs["largest"] == max(gaps)
    assert docs["mean"] == pytest.approx(sum(gaps) / len(gaps))
    recency = both["docs_view_recency_d"]
    assert recency["missing_in_use"] == pytest.approx(
        sum("docs" not in v for v in views) / len(views)
    )
    assert recency["missing"] == pytest.approx(sum("blog" not in v for v in views) / len(views))
    for name in ("page_view_count", "page_view_distinct", "open_rate", "country", "events"):
        assert both[name]["differ"] == 0, name


def test_a_service_serves_on_while_signals_come_after_it_was_built(
    home: Settings, tmp_path: Path
) -> None:
    """A comparison is of the built moment; what came since changes it not at all."""

    build(home, read_service(second(tmp_path)), lambda _: None)
    before = compare(home, "standard_v2")
    signal = Signal(
        id="later",
        source="t",
        type="web.page_viewed",
        data={"page": "docs"},
        time=_now(home),
        identifiers={"cookie": "new one"},
    )
    counts = open_signals(home).ingest.commit([(1, encode(signal))], "test")
    assert counts.accepted == 1
    assert compare(home, "standard_v2") == before


def _now(home: Settings) -> datetime:
    return from_us(event_log.watermark_us(open_signals(home).engine) + 1)


def test_mistakes_are_one_line_and_change_nothing(
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    same_label = service_file(tmp_path, half_lives_days=[2, 8])
    for words, code, rule in (
        (("build", "--service", "nowhere.yaml"), 2, "feature-service-file"),
        (("build", "--service", str(same_label)), 2, "service-version"),
        (("rebuild", "--service", str(same_label)), 2, "service-version"),
        (("compare", "standard_v9"), 3, "service-kept"),
        (("use", "../../etc"), 3, "service-kept"),
        (("rollback",), 3, "service-before"),
    ):
        was, _, err = leadscore(monkeypatch, capsys, *words)
        said = [line for line in err.splitlines() if "a second" not in line]
        assert (was, len(said)) == (code, 1), err
        assert rule in err
    assert definition_of(home) == standard_service()
    assert [p.name for p in home.home.iterdir() if p.name == "services"] == []


def test_a_comparison_with_what_is_no_longer_in_use_is_refused(
    home: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:

    build(home, read_service(second(tmp_path)), lambda _: None)
    rebuild_states(home, read_service(service_file(tmp_path, version=3)), lambda _: None)
    code, _, err = leadscore(monkeypatch, capsys, "compare", "standard_v2")
    assert code == 3
    assert "service-beside" in err


def test_an_interrupted_build_leaves_nothing_that_could_be_taken_for_one(
    home: Settings, tmp_path: Path
) -> None:

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    definition = read_service(second(tmp_path))
    with pytest.raises(KeyboardInterrupt):
        build(home, definition, stop)
    assert [s.label for s in services(home)] == ["standard_v1"]
    built: Built = build(home, definition, lambda _: None)
    assert built.events == len(Log.read(definition, open_signals(home).engine).events)
    assert [s.standing for s in services(home)] == ["in use", "built"]
    assert [p.name for p in (home.home / "services").iterdir()] == ["standard_v2"]


def test_beside_a_service_on_postgresql(tmp_path: Path, postgres_url: str) -> None:
    """One snapshot of a server's log, folded into files of the home."""
    written = write(simulate(40, 4, scenario("steady"), days=60), tmp_path / "s.jsonl")
    settings = Settings(home=tmp_path / "home", clock="watermark", signals_url=postgres_url)
    ingest_files(settings, [str(written.signals)], None, lambda _: None)
    two = read_service(second(tmp_path))
    live = states_of(postgres_url, ONE)
    built = build(settings, two, lambda _: None)
    assert built.events == len(Log.read(two, open_signals(settings).engine).events) > 500
    folder = folder_of(settings, two.label)
    assert_same(states_of(f"sqlite:///{folder / BESIDE}", ONE), live)
    found = compare(settings, two.label)
    assert found.leads == built.leads
    rebuild_states(settings, two, lambda _: None)
    assert_same(states_of(postgres_url, two), states_of(f"sqlite:///{folder / STATES}", two))
