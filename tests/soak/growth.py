"""A file taken in by a process of its own, which tells how far it was when, and its memory."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

CODE = """
import json, sys, time
from jobs.signals.ingest_files import ingest_files
from config.settings import load_settings, quiet_libraries
quiet_libraries()
done = 0
def told(number):
    global done
    done += number
    print(json.dumps([done, time.perf_counter()]), flush=True)
ingest_files(load_settings(), [sys.argv[1]], None, told)
print(json.dumps([done, time.perf_counter()]), flush=True)
"""


class Growth(NamedTuple):
    """(events so far, seconds) after each transaction and after the push; the most memory held."""

    marks: list[tuple[int, float]]
    most_mib: float

    def cost_us(self, begin: int, end: int) -> float:
        """Microseconds an event between the marks nearest to these numbers of events."""
        a = min(self.marks, key=lambda mark: abs(mark[0] - begin))
        b = max(self.marks, key=lambda mark: (-abs(mark[0] - end), mark[1]))
        return 1e6 * (b[1] - a[1]) / (b[0] - a[0])


def taken_in(file: Path, home: Path) -> Growth:
    """Take a file into a new home."""
    environment = {**os.environ, "LEADSCORE_HOME": str(home)}
    command = [sys.executable, "-c", CODE, str(file)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        over, seen = threading.Event(), [0.0]

        def watch() -> None:
            while not over.wait(0.25):
                seen.append(_resident_mib(process.pid))

        thread = threading.Thread(target=watch)
        thread.start()
        assert process.stdout is not None
        marks = [(int(n), float(s)) for n, s in map(json.loads, process.stdout)]
        over.set()
        thread.join()
    assert process.returncode == 0
    return Growth(marks, max(seen))


def _resident_mib(parent: int) -> float:
    """What a process and its children hold."""
    children = Path(f"/proc/{parent}/task/{parent}/children")
    try:
        below = [int(pid) for pid in children.read_text().split()]
    except OSError:
        return 0.0
    return _own_mib(parent) + sum(map(_own_mib, below))


def _own_mib(pid: int) -> float:
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def calibration_s() -> float:
    """How long this machine takes, now, for a fixed piece of Python: its speed varies."""
    began = time.perf_counter()
    held: dict[str, tuple[int, str]] = {}
    for i in range(1_500_000):
        held[str(i % 50_000)] = (i, str(i))
    return time.perf_counter() - began
