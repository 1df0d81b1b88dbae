"""Promotions, rollouts and batches, killed anywhere: nothing lost, twice or half.

Each command is begun for real, killed with SIGKILL, begun again, and held against a run that nobody
disturbed. A dozen kills of each kind always, of trainings and of services half as many; `make soak`
does a hundred.
"""

import random
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.settings import Settings
from jobs.decisions.resumable_batch import RUN_FILE
from monitoring.canary_rule import load_rule
from registry.registry_state import RegistryState
from tests.conftest import Trained
from tests.kills.homes import assert_mirrored, assert_sound, copied
from tests.kills.killing import MOST_S, Kills, Victim, timed
from tests.soak.commands import DIES_AT, PARTS, finish, fork, until
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.signals import open_signals

LONG = pytest.param(1, 100, marks=pytest.mark.soak)
KILLS = pytest.mark.parametrize(("seed", "most"), [(0, 12), LONG])
FEWER_KILLS = pytest.mark.parametrize(("seed", "most"), [(0, 6), LONG])
"""Of what takes seconds to begin."""
EVERY = 10
"""So often the whole home is read; in between the ledger and what serves."""
IN_PART = 40
pytestmark = pytest.mark.timeout(3600)


@dataclass
class Changes:
    """A home whose ledger is changed by commands: which entries each made."""

    settings: Settings
    made: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.length = len(self.entries())

    def entries(self) -> list[str]:
        return [entry.kind for entry in open_registry(self.settings).ledger.entries()]

    def standing(self) -> RegistryState:
        return open_registry(self.settings).standing()

    def took(self) -> bool:
        """Whether the ledger has grown since the last look: a change is there whole."""
        now = self.entries()
        new, self.length = now[self.length :], len(now)
        self.made += new
        return bool(new)

    def phase(self) -> str:
        """How far a killed change had come: the cache as it lies, before anybody opens it."""
        from registry.cache import read_cached_stages
        from wiring.integrity.agreement import ledger_entries
        from wiring.live_folders import cache_of

        entries = ledger_entries(self.settings)
        if len(entries) == self.length:
            return "0 before the ledger"
        served = read_cached_stages(cache_of(self.settings)).sequence
        return "1 ledger" if served < entries[-1].sequence else "2 ledger and stages"


def given_again(victim: Victim, *, done: bool) -> None:
    """The same words again: they do what was not done, and refuse what was."""
    run = victim.begin()
    until(lambda: run.ended() is not None, MOST_S)
    said = (victim.folder / "said").read_text()
    assert run.ended() == (1 if done else 0), said[-2000:]
    assert not done or "already" in said.splitlines()[-1]


@KILLS
def test_a_promotion_killed_anywhere(
    seed: int, most: int, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is there whole or not at all; given again it is done, and MLflow says the same."""
    settings = copied(trained.settings, tmp_path)
    environment, changes = settings.environment(), Changes(settings)
    usual_s = timed(environment, *promotion(changes.standing()))
    assert changes.took()
    watched = ("home/ledger.db*", "home/live/stages.json", "home/mlflow.db*", "home/home.id")
    kills, promotions = Kills(random.Random(seed), most), 0
    while not kills.spent:
        was = changes.standing().champion
        victim = Victim(environment, promotion(changes.standing()), watched, usual_s)
        struck = kills.strike(victim, changes.phase)
        assert_sound(settings, whole=kills.count % EVERY == 0)
        took = changes.took()
        assert took == (changes.standing().champion != was)
        if struck and (took or kills.count % 3 == 0):
            given_again(victim, done=took)
            assert changes.took() is not took
        if not struck or took or kills.count % 3 == 0:
            promotions += 1
            assert changes.standing().champion != was
            assert_mirrored(settings)
    champion = [kind for kind in changes.made if kind == "promoted"]
    assert len(champion) == promotions + 1
    kills.report(capsys, "promote", f"{promotions} promotions")


def promotion(standing: RegistryState) -> tuple[str, ...]:
    """Of two versions, the one that is not champion takes its place."""
    other = next(label for label in sorted(standing.registrations) if label != standing.champion)
    return ("promote", other, "--stage", "champion", "--override", "--reason", "proof")


PLAN = """
steps: [{weight: 0.2}, {weight: 0.5}]
limits: {degraded: 0.1}
needs_pass: false
"""


@dataclass(frozen=True)
class Course:
    """The commands, in turn, of rollouts that are given up, rolled back by limits and finished."""

    folder: Path

    def __post_init__(self) -> None:
        (self.folder / "plan.yaml").write_text(PLAN)
        (self.folder / "sound.json").write_text('{"degraded": 0.0}')
        (self.folder / "breach.json").write_text('{"degraded": 0.5}')

    def step(self, number: int, standing: RegistryState) -> tuple[tuple[str, ...], int]:
        """The words of a command, and the exit code that it ends with."""
        why = ("--reason", "proof")
        former = next(iter(set(standing.registrations) - {standing.champion}))
        start = ("rollout", "start", "--step", "0.2", "--step", "0.5", *why)
        turn: list[tuple[str, ...]] = [
            *(start, ("rollout", "advance", *why), ("rollout", "hold", *why)),
            ("rollout", "abort", *why),
            ("rollout", "start", "--plan", str(self.folder / "plan.yaml"), *why),
            *(self._tick("sound", standing), self._tick("breach", standing)),
            *(start, ("rollout", "advance", *why), ("rollout", "finish", "--override", *why)),
            ("promote", former, "--stage", "challenger", "--weight", "0", "--override", *why),
        ]
        words = turn[number % len(turn)]
        return words, int(words == turn[BREACH])

    def _tick(self, figures: str, standing: RegistryState) -> tuple[str, ...]:
        verdict = self.folder / "verdict.json"
        arms = {"champion": standing.champion, "challenger": standing.challenger}
        empty = {"reasons": [], "measures": [], "paired": 0, "matured": 0, "positives": 0}
        told = {"outcome": "inconclusive", "rule": load_rule(), **arms, **empty}
        verdict.write_bytes(msgspec.json.encode(told))
        figures_file = str(self.folder / f"{figures}.json")
        return ("rollout", "tick", "--figures", figures_file, "--verdict", str(verdict))


BREACH = 6
LEAVES = [
    *("rollout_started", "rollout_advanced", "rollout_held", "rollout_aborted"),
    *("rollout_started", "rollout_advanced", "rollout_rolled_back"),
    *("rollout_started", "rollout_advanced", "rollout_finished", "promoted", "promoted"),
]
"""The entries that these commands leave."""


@KILLS
def test_a_rollout_killed_anywhere(
    seed: int, most: int, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each step is taken once: the ledger reads as if nobody had been killed."""
    settings = copied(trained.settings, tmp_path)
    environment = settings.environment()
    finish(fork(environment, "rollout", "abort", "--reason", "proof"), environment)
    changes, step, course = Changes(settings), 0, Course(tmp_path)
    usual_s = timed(environment, *course.step(step, changes.standing())[0])
    changes.took()
    watched = ("home/ledger.db*", "home/live/stages.json")
    kills = Kills(random.Random(seed), most)
    while not kills.spent:
        step += 1
        words, code = course.step(step, changes.standing())
        victim = Victim(environment, words, watched, usual_s, code)
        kills.strike(victim, changes.phase)
        assert_sound(settings, whole=kills.count % EVERY == 0)
        if not changes.took():
            victim.finish()
            assert changes.took()
    whole, rest = divmod(len(changes.made), len(LEAVES))
    assert changes.made == LEAVES * whole + LEAVES[:rest]
    assert_sound(settings)
    kills.report(capsys, "rollout", f"{step + 1} steps, {len(changes.made)} entries")


@dataclass
class Batches:
    """A batch that is begun again and again; how many were done."""

    settings: Settings
    out: Path
    done: int = 0

    def table(self) -> pa.Table:
        return pq.read_table(self.out).drop_columns(["decision_id"])

    @property
    def parts(self) -> Path:
        return self.out.with_name(f"{self.out.name}.parts")

    def phase(self) -> str:
        """How far a killed batch had come."""
        if self.out.exists():
            return "4 joined"
        if self.out.with_name(f"{self.out.name}.partial").exists():
            return "3 joining"
        whole = len(list(self.parts.glob("*.parquet")))
        recorded = sum(1 for _ in open_trail(self.settings).records()) - self.done
        if recorded > whole * IN_PART:
            return "2 recorded, not written"
        return "1 between parts" if (self.parts / RUN_FILE).exists() else "0 starting"


@KILLS
def test_a_batch_killed_anywhere(
    seed: int, most: int, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file is absent, or whole and equal; every lead is decided once for each file."""
    settings = copied(trained.settings, tmp_path)
    leads = {str(ref.lead_id) for ref in open_signals(settings).directory.all()}
    out = tmp_path / "out" / "leads.parquet"
    out.parent.mkdir()
    environment = {**settings.environment(), PARTS: str(IN_PART)}
    words = ("score", "--all", "--out", str(out))
    before = sum(1 for _ in open_trail(settings).records())
    usual_s, batches = timed(environment, *words), Batches(settings, out, before)
    expected, files = batches.table(), 1
    assert set(expected["lead_id"].to_pylist()) == leads
    ids = told_once(batches, len(leads), before + len(leads))
    watched = ("out/*.parts/*", "out/*.partial", "home/decisions.db*", "home/audit.db*")
    victim = Victim(environment, words, watched, usual_s)
    kills = Kills(random.Random(seed), most)
    while not kills.spent:
        struck = kills.strike(victim, batches.phase)
        assert open_trail(settings).verify().broken is None
        assert not out.exists() or batches.table().equals(expected)
        whole = out.exists() and not batches.parts.exists()
        if struck and not whole and (out.exists() or kills.count % 5 == 0):
            victim.finish()
        if out.exists() and not batches.parts.exists():
            files += 1
            assert batches.table().equals(expected)
            ids |= told_once(batches, len(leads), before + files * len(leads))
            assert [p.name for p in out.parent.iterdir() if not p.name.endswith(".lock")] == []
    assert len(ids) == files * len(leads)
    assert_sound(settings)
    kills.report(capsys, "score --all", f"{files} files")


def test_a_batch_killed_while_it_lets_go_of_its_parts(trained: Trained, tmp_path: Path) -> None:
    """The file is there, its parts are almost all gone: given again, nobody is decided twice."""
    settings = copied(trained.settings, tmp_path)
    out = tmp_path / "leads.parquet"
    environment = {**settings.environment(), PARTS: str(IN_PART)}
    words = ("score", "--all", "--out", str(out))
    parts = -(-sum(1 for _ in open_signals(settings).directory.all()) // IN_PART)
    run = fork({**environment, DIES_AT: f"{parts + 1}:{out}"}, *words)
    until(lambda: run.ended() is not None, MOST_S)
    assert run.ended() == -signal.SIGKILL
    first = pq.read_table(out)
    finish(fork(environment, *words), environment)
    assert pq.read_table(out).equals(first)
    assert sum(1 for _ in open_trail(settings).records()) == len(first)


def told_once(batches: Batches, leads: int, total: int) -> set[str]:
    """The ids of a file's decisions: all in the trail, and no other decisions there. It goes."""
    ids = set(pq.read_table(batches.out)["decision_id"].to_pylist())
    recorded = Counter(r.answer.decision_id for r in open_trail(batches.settings).records())
    assert ids <= recorded.keys()
    assert len(ids) == leads
    assert recorded.total() == len(recorded) == total
    batches.done = total
    batches.out.unlink()
    return ids
