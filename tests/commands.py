"""The command line: in this process, where libraries load once, and as the program that it is."""

import contextlib
import io
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest
from typer.main import get_command

from tests.conftest import ROOT

Answer = subprocess.CompletedProcess[str]
built = lru_cache(maxsize=1)(get_command)
"""The tree of commands, which is the same for every call."""


def environment_of(home: Path) -> dict[str, str]:
    """What says which home is meant, and that its clock is its events'."""
    return {"LEADSCORE_HOME": str(home), "LEADSCORE_CLOCK": "watermark"}


def leadscore(home: Path, *words: str, stdin: str = "") -> Answer:
    """Run a command here. What `main` does not catch is not caught: a user would see a trace."""
    from leadscore.cli import main

    given = io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8")
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    code = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        for name, value in environment_of(home).items():
            patch.setenv(name, value)
        patch.setattr(sys, "argv", ["leadscore", *words])
        patch.setattr(sys, "stdin", given)
        patch.setattr("typer.main.get_command", built)
        patch.chdir(ROOT)
        mask = os.umask(0)
        os.umask(mask)
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os.umask(mask)
    return Answer(words, code, *(s.buffer.getvalue().decode() for s in (out, err)))


def program(home: Path, *words: str, stdin: str = "") -> Answer:
    """Run a command in a process of its own, as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "leadscore", *words],
        env={**os.environ, **environment_of(home)},
        cwd=ROOT,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
