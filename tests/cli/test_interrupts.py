"""Ctrl-C, sent to real processes: what is said of it is true, and the same command goes on."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import typer
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError

from config.settings import Settings
from tests.commands import environment_of, leadscore
from tests.conftest import ROOT
from tests.soak.commands import Command, begin, heed_interrupts, said
from tests.waiting import until
from wiring.integrity.agreement import ledger_entries
from wiring.registry import open_registry

LINE = (
    '{"id":"%d","source":"t","type":"web.page_viewed","time":"2026-01-01T00:00:00Z",'
    '"identifiers":{"user_id":"u%d"},"data":{"page":"/"}}\n'
)
ROWS = 20_000
STARTED: list[Command] = []
"""The commands that were begun, the newest last."""


def broken_off(
    home: Path, words: list[str], moment: Callable[[], bool]
) -> tuple[int | None, str, bool]:
    """Interrupt a command at a moment; its exit code, its errors, whether it was still running."""
    run = begin(environment_of(home), *words)
    STARTED.append(run)
    until(lambda: run.ended() is not None or moment(), what="the moment did not come", every=0.005)
    running = run.ended() is None
    run.tell(signal.SIGINT)
    code, told = run.ended(), said(environment_of(home))
    assert code in (0, 1, 130), told  # 1: it says that a rollout was rolled back
    assert "Traceback" not in told
    assert ("interrupted:" in told) == (code == 130), told
    return code, told, running


def keys(home: Path) -> set[str]:
    """The events that a home's log holds; none where there is no log yet."""
    if not (home / "signals.db").is_file():
        return set()
    engine = create_engine(Settings(home=home).signals_db)
    try:
        with engine.connect() as connection:
            return set(connection.execute(text("SELECT event_key FROM events")).scalars())
    except OperationalError:  # it is being founded
        return set()
    finally:
        engine.dispose()


@pytest.mark.parametrize("least", [1, ROWS // 3, ROWS])
def test_ingest_says_what_is_in_and_goes_on(tmp_path: Path, least: int) -> None:
    files = []
    for name, rows in (("a", range(5)), ("b", range(5, ROWS + 5))):
        files.append(str(tmp_path / f"{name}.jsonl"))
        Path(files[-1]).write_text("".join(LINE % (n, n % 500) for n in rows))
    home, calm = tmp_path / "home", tmp_path / "calm"
    code, told, _ = broken_off(home, ["ingest", *files], lambda: len(keys(home)) >= least)
    held = len(keys(home))
    assert held >= least
    if code == 130:
        assert "of 2 files are taken in whole, and" in told
        counted = int(told.split("whole, and ")[1].split(" rows")[0].replace(",", ""))
        assert held - ROWS <= counted <= held
    else:
        assert held == ROWS + 5
    assert leadscore(home, "ingest", *files).returncode == 0
    assert leadscore(calm, "ingest", *files).returncode == 0
    assert keys(home) == keys(calm)
    assert leadscore(home, "quarantine", "verify").returncode == 0


def test_scoring_says_what_is_scored_and_goes_on(own_home: Settings, tmp_path: Path) -> None:
    home, out, calm = own_home.home, tmp_path / "out.parquet", tmp_path / "calm.parquet"
    parts = tmp_path / "out.parquet.parts"
    words = ["score", "--all", "--out"]
    code, told, _ = broken_off(home, [*words, str(out)], parts.is_dir)
    assert out.is_file() == (code == 0)
    if code == 130:
        assert f"leads are scored and recorded; {out} is not written" in told
    assert leadscore(home, *words, str(out)).returncode == 0
    assert leadscore(home, *words, str(calm)).returncode == 0
    names = ["lead_id", "score", "grade", "queue"]
    assert pq.read_table(out, columns=names).equals(pq.read_table(calm, columns=names))
    assert not parts.exists()


def test_training_says_whether_a_version_is_registered(own_home: Settings) -> None:
    """Also when it registers; tests/cli/test_messages.py interrupts one that searches."""
    home = own_home.home
    config = home / "training.yaml"
    config.write_text(
        "horizon_days: 21\ncutoffs: {rule: every, days: 7}\n"
        "trials: 2\niterations: 30\nborder_count: 32\nseed: 3\n"
    )
    before = len(open_registry(own_home).versions())
    code, told, _ = broken_off(
        home,
        ["train", "--config", str(config)],
        lambda: "registering" in said(environment_of(home)),
    )
    assert len(open_registry(own_home).versions()) == before + (code == 0)
    if code == 130:
        assert "no version was registered" in told


@pytest.mark.parametrize("moment", ["begun", "committed"])
@pytest.mark.parametrize("command", ["promote", "tick"])
def test_what_is_in_the_ledger_is_done(own_home: Settings, command: str, moment: str) -> None:
    home = own_home.home
    words = ["promote", "lead-2", "--stage", "champion", "--override", "--reason", "tests"]
    if command == "tick":
        reason = ["--reason", "tests"]
        leadscore(home, "rollout", "abort", *reason)
        plan = home.parent / "rollout.yaml"
        plan.write_text(
            "mode: canary\nsteps: [{weight: 0.5}]\nlimits: {error_rate: 0.01, after: 9}\n"
        )
        started = leadscore(home, "rollout", "start", "--plan", str(plan), *reason)
        assert started.returncode == 0, started.stderr
        figures = home.parent / "figures.json"
        figures.write_text(json.dumps({"error_rate": 1.0, "p99_ms": 900.0, "decisions": 100_000}))
        words = ["rollout", "tick", "--figures", str(figures)]
    before = len(ledger_entries(own_home))

    def committed() -> bool:
        return len(ledger_entries(own_home)) > before

    def begun() -> bool:
        """Whether a process has opened this home's ledger."""
        ledger = Path(str(make_url(own_home.ledger_db).database))
        mine = Path(f"/proc/{STARTED[-1].pid}/fd")
        with contextlib.suppress(OSError):  # it closes what is being looked at
            return any(fd.readlink() == ledger for fd in mine.iterdir())
        return False

    code, told, running = broken_off(home, words, committed if moment == "committed" else begun)
    if moment == "committed":
        assert committed(), told
        assert code != 130 or not running, told
    assert (code == 130) == (not committed()), told


WHILE_IT_LOADS = """
import os, signal, sys

class Interrupting:
    def find_spec(self, name, *_):
        if name == "leadscore.commands.models":
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Interrupting())
from leadscore.__main__ import main
main()
"""


def test_an_interrupt_while_it_loads_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WHILE_IT_LOADS, "models", "list"],
        env={**os.environ, **environment_of(tmp_path / "home")},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=heed_interrupts,
    )
    told = "\nleadscore: interrupted before it began: nothing was done\n"
    assert (done.returncode, done.stdout, done.stderr) == (130, "", told)


def test_the_installed_program_heeds_interrupts_from_the_beginning() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"leadscore": "leadscore.__main__:main"}


@pytest.mark.parametrize("words", [["--help"], ["contracts", "list"]])
def test_a_closed_pipe_ends_it_quietly(tmp_path: Path, words: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "leadscore", *words],
        env={**os.environ, **environment_of(tmp_path / "home")},
        cwd=ROOT,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.parametrize("raised", [typer.Abort, KeyboardInterrupt])
def test_who_breaks_off_at_a_question_ends_with_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, raised: type[BaseException]
) -> None:
    def breaks_off(**_: object) -> None:
        raise raised

    monkeypatch.setattr("leadscore.cli.app", breaks_off)
    answer = leadscore(tmp_path / "home", "models", "list")
    told = "\nleadscore: interrupted: what was committed before stays [interrupted]\n"
    assert (answer.returncode, answer.stderr) == (130, told)
