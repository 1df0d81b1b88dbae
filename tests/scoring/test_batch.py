"""Every lead scored to a file: killed, gone on with, begun anew, and by the command line."""

import os
import shutil
import signal
from pathlib import Path

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.settings import Settings
from domain.versions.manifest import Stage
from jobs.decisions.batch_scoring import SCHEMA, score_all
from jobs.decisions.resumable_batch import RUN_FILE, BatchParts, BatchRun
from tests.commands import leadscore
from tests.conftest import Trained
from tests.soak.commands import forks
from wiring.decisions import open_trail
from wiring.registry import open_registry
from wiring.scoring import open_scoring

CHUNK = 60


def run(settings: Settings, out: Path, chunk: int = CHUNK) -> tuple[int, list[str]]:
    said: list[str] = []
    return score_all(open_scoring(settings), out, lambda _: None, said.append, chunk), said


def content(out: Path) -> pa.Table:
    return pq.read_table(out).drop_columns(["decision_id"])


def killed(settings: Settings, out: Path, moment: str) -> None:
    """A run that is killed at its third part, before that is written or after."""
    process = forks.Process(target=run_until_killed, args=(settings.home, out, moment))
    process.start()
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    assert not out.exists()


def run_until_killed(home: Path, out: Path, moment: str) -> None:
    """Run in a process of its own, which ends there."""
    whole, done = BatchParts.add, []

    def add(self: BatchParts, number: int, table: pa.Table) -> None:
        done.append(number)
        if len(done) == 3 and moment == "recorded":
            os.kill(os.getpid(), signal.SIGKILL)
        whole(self, number, table)
        if len(done) == 3:
            os.kill(os.getpid(), signal.SIGKILL)

    BatchParts.add = add  # type: ignore[method-assign]
    score_all(open_scoring(Settings(home=home, clock="watermark")), out, print, chunk=CHUNK)


@pytest.fixture(scope="module")
def undisturbed(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> pa.Table:
    folder = tmp_path_factory.mktemp("undisturbed")
    shutil.copytree(trained.settings.home, folder / "home")
    settings = msgspec.structs.replace(trained.settings, home=folder / "home")
    done, said = run(settings, folder / "all.parquet")
    assert done == len(content(folder / "all.parquet")) > 5 * CHUNK
    assert said == []
    return content(folder / "all.parquet")


@pytest.mark.parametrize("moment", ["written", "recorded"])
def test_a_killed_run_is_gone_on_with(
    own_home: Settings, tmp_path: Path, undisturbed: pa.Table, moment: str
) -> None:
    out = tmp_path / "all.parquet"
    killed(own_home, out, moment)
    recorded = [r.answer.decision_id for r in open_trail(own_home).records()]
    assert len(recorded) == 3 * CHUNK
    done, said = run(own_home, out)
    assert "going on" in said[0]
    assert content(out).equals(undisturbed)
    # each decision is in the trail, once, and is the one in the file
    ids = pq.read_table(out)["decision_id"].to_pylist()
    trail = [r.answer.decision_id for r in open_trail(own_home).records()]
    assert trail == ids
    assert len(set(trail)) == done
    assert trail[: len(recorded)] == recorded
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        ".all.parquet.lock",
        "all.parquet",
        "home",
    ]


def test_another_version_begins_anew(own_home: Settings, tmp_path: Path) -> None:
    out = tmp_path / "all.parquet"
    killed(own_home, out, "written")
    open_registry(own_home).transition("lead-2", Stage.CHAMPION, by="t", reason="t")
    done, said = run(own_home, out)
    assert "model was lead-1, is lead-2" in said[0]
    assert set(content(out)["model"].to_pylist()) == {"lead-2"}
    assert done == len(content(out))


def test_what_makes_a_run_another() -> None:
    one = BatchRun(
        run_id="a",
        as_of_us=10**15,
        watermark_us=10**15,
        model="lead-1",
        challenger="",
        rollout=None,
        policy="standard-1",
        policy_challenger="",
        policy_rollout=None,
        holdout=None,
        feature_service="standard_v1",
        leads_in_part=10,
    )
    later = msgspec.structs.replace(one, run_id="b", as_of_us=10**15 + 3600 * 10**6)
    assert one.differences(later) == []
    changes = {"watermark_us": 10**15 + 1, "policy": "p-2", "challenger": "lead-2"}
    for name, value in changes.items():
        (told,) = one.differences(msgspec.structs.replace(later, **{name: value}))
        assert told.startswith(name.removesuffix("_us"))
    for moved in (-1, 86_401 * 10**6):
        (told,) = one.differences(msgspec.structs.replace(one, as_of_us=10**15 + moved))
        assert told.startswith("as of was 2001-09-09T01:46:40Z")


def test_notes_that_cannot_be_read_begin_anew(
    own_home: Settings, tmp_path: Path, undisturbed: pa.Table
) -> None:
    out = tmp_path / "all.parquet"
    killed(own_home, out, "written")
    (tmp_path / "all.parquet.parts" / RUN_FILE).write_bytes(b"{")
    _, said = run(own_home, out)
    assert "cannot be read" in said[0]
    assert content(out).equals(undisturbed)


def test_by_the_command_line(own_home: Settings, tmp_path: Path, undisturbed: pa.Table) -> None:
    out = tmp_path / "all.parquet"
    told = leadscore(own_home.home, "score", "--all", "--out", str(out))
    assert told.returncode == 0, told.stderr
    assert f"{len(undisturbed):,} leads in {out}" in told.stdout
    assert "leads scored" in told.stderr
    assert content(out).equals(undisturbed)
    assert pq.read_schema(out).equals(SCHEMA)
