"""Tables and progress: plain text in pipes and logs, rich's bars where a person looks."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

from leadscore.terminal.output import put_table
from leadscore.terminal.progress import counting, training_progress
from tests.conftest import ROOT

LONG = "x" * 300


def test_a_table_in_a_pipe_is_text_alone_and_whole(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    rows = [["lead-1", 1.5, "[b]one[/b]"], ["lead-22", 1234.5, LONG], ["é", 2, ":smile:"]]
    put_table(["lead", "value", "note"], rows)
    assert capsys.readouterr().out.splitlines() == [
        "lead          value  note",
        "lead-1       1.5000  [b]one[/b]",
        f"lead-22  1,234.5000  {LONG}",
        "é                 2  :smile:",
    ]
    put_table(["nothing", "here"], [])
    assert capsys.readouterr().out == "nothing  here\n"


def test_progress_in_a_log_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("signals") as counter:
        counter.add(700)
        counter.add(1_000)
    with training_progress() as progress:
        progress.phase("reading")
        progress.warn("[one] company is most of it")
        for done in range(1, 8):
            progress.trial(done, 7, 0.5)
    said = capsys.readouterr()
    assert said.out == ""
    assert re.sub(r"[\d.,]+ (s|a second)\b", r"N \1", said.err).splitlines() == [
        "  1,700 signals, N a second",
        "    N s  reading",
        "  warning: [one] company is most of it",
        "  trial 5/7, best log loss 0.50000",
        "  trial 7/7, best log loss 0.50000",
    ]


SHOWN = """
from leadscore.terminal.output import put, put_table, say
from leadscore.terminal.progress import counting, training_progress
put_table(["lead", "note"], [["lead-1", "x" * 300]])
with counting("signals") as counter:
    counter.add(1_700)
with training_progress() as progress:
    progress.phase("reading [all]")
    progress.trial(1, 2, 0.5)
    progress.warn("few rows")
    progress.trial(2, 2, 0.25)
    raise SystemExit(3)
"""


def test_a_terminal_shows_bars_and_gets_its_cursor_back() -> None:
    code, shown = on_terminal(SHOWN)
    assert code == 3
    assert LONG in shown
    assert "1,700 signals" in shown
    for line in ("s  reading [all]", "warning: few rows"):
        assert line in shown
    assert "━" in shown
    assert "trial 2/2, best log loss 0.25000" in shown
    assert shown.rfind("\x1b[?25h") > shown.rfind("\x1b[?25l")


def on_terminal(code: str) -> tuple[int, str]:
    """Run Python code on a terminal of 80 columns; its exit code, and all that it showed."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "PYTHONIOENCODING": "utf-8"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    try:
        while part := os.read(ours, 65_536):
            shown += part
    except OSError:  # Linux says so where nobody writes any more
        pass
    finally:
        os.close(ours)
    return process.wait(60), shown.decode()
