"""The log is bounded, whole lines alone, and a disk that says no costs lines and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

from serving.log_file import LogFile, finish
from tests.conftest import ROOT
from tests.resilience.disks import fill, free, small_disk

LINE = b"x" * 99 + b"\n"


def test_files_are_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log", file_bytes=1_000, files=3)
    for _ in range(100):
        log.write(LINE)
    held = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert set(held) == {"a.log", "a.log.1", "a.log.2"}
    assert all(text == LINE * 10 for text in held.values())


def test_processes_share_it_by_pipes_and_their_lines_stay_whole(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "a.log")
    code = "import sys\nfor n in range(500): print(sys.argv[1] * 60, flush=True)"
    children = [
        subprocess.Popen([sys.executable, "-c", code, c], stdout=subprocess.PIPE) for c in "ab"
    ]
    finish([log.follow(c.stdout) for c in children if c.stdout is not None], 60)
    for child in children:
        child.wait()
    lines = log.path.read_text().splitlines()
    assert sorted(lines) == ["a" * 60] * 500 + ["b" * 60] * 500


def test_a_full_disk_costs_lines_which_are_counted(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 1) as disk:
        log = LogFile(disk / "a.log")
        log.write(LINE)
        fill(disk)
        for _ in range(200):
            log.write(LINE)
        assert log.dropped > 0
        dropped = log.dropped
        free(disk)
        log.write(b"well again\n")
        assert f"{dropped} lines of this log".encode() in log.path.read_bytes()
        assert log.path.read_bytes().endswith(b"well again\n")
        assert log.tail().endswith("well again")


def test_metrics_on_a_full_disk_kill_nobody(tmp_path: Path) -> None:
    """Without given pages the same program dies of SIGBUS."""
    code = (
        "import sys; from pathlib import Path;"
        "from serving.metrics.metric_files import use_given_pages;"
        "use_given_pages(); from prometheus_client import Counter;"
        "from tests.resilience.disks import fill; c = Counter('a', 'b', ['n']);"
        "c.labels('0').inc(); fill(Path(sys.argv[1]));"
        "[c.labels(str(n)).inc() for n in range(5000)]; assert c.labels('9')._value.get() == 1"
    )
    with small_disk(tmp_path / "disk", 1) as disk:
        done = subprocess.run(
            [sys.executable, "-c", code, str(disk)],
            env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(disk)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr[-2000:]
