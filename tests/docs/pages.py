"""Pages whose commands are run, in order, as a reader gives them.

`filled` runs each shell block and compares what comes out with its output block. `performed` runs
the blocks for their exit codes alone. A comment in the page, before a block, says why it is not run
(`<!-- not run: needs root -->`), or what a word in it stands for (`<!-- given ID: COMMAND -->`).

Commands of `leadscore` run in this process, so that libraries load once; all else by bash. Lines
that tell progress are no part of an answer. To write the outputs of a page anew:

    python -m tests.docs.pages docs/PAGE.md EMPTY_FOLDER
"""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

_BLOCK = re.compile(r"```sh\n(?P<sh>.*?)```\n(?:\n```text\n(?P<text>.*?)```\n)?", re.DOTALL)
_PROGRESS = re.compile(r"\r|^ *[\d,]+ [a-z ]+, [\d,]+ a second$")


_COMMENT = r"<!-- (?:not run|given \w+): [^\n]*? -->\n"
_SHELL = re.compile(rf"(?P<told>(?:{_COMMENT})*)```sh\n(?P<sh>.*?)```\n", re.DOTALL)
_NOT_RUN = re.compile(r"<!-- not run: (.*?) -->")
_GIVEN = re.compile(r"<!-- given (\w+): (.*?) -->")


def left_out(page: str) -> list[str]:
    """Why blocks of a page are not run, one reason for each."""
    return _NOT_RUN.findall("".join(block["told"] for block in _SHELL.finditer(page)))


def performed(page: str, folder: Path, patch: pytest.MonkeyPatch) -> int:
    """Run the blocks of a page in a folder; how many. A line that says `exit 1` may end so."""
    patch.chdir(folder)
    done = 0
    for block in _SHELL.finditer(page):
        if _NOT_RUN.search(block["told"]):
            continue
        done += 1
        given = _GIVEN.findall(block["told"])
        for statement in statements(block["sh"]):
            _run(_stated(statement, given, patch), patch, may_refuse="exit 1" in statement)
    return done


def _stated(statement: str, given: Iterable[tuple[str, str]], patch: pytest.MonkeyPatch) -> str:
    """A statement with what its words stand for, as that is when its turn comes."""
    for word, command in given:
        if re.search(rf"\b{word}\b", statement):
            statement = re.sub(rf"\b{word}\b", _run(command, patch).strip(), statement)
    return statement


def filled(page: str, folder: Path, patch: pytest.MonkeyPatch) -> str:
    """The page with the output blocks as they come out now, run in a folder."""
    patch.chdir(folder)

    def fill(block: re.Match[str]) -> str:
        said = "".join(_run(statement, patch) for statement in statements(block["sh"]))
        shell = f"```sh\n{block['sh']}```\n"
        assert said == "" or block["text"] is not None, f"no place for {said!r}"
        return shell if block["text"] is None else f"{shell}\n```text\n{said}```\n"

    return _BLOCK.sub(fill, page)


def statements(block: str) -> Iterator[str]:
    """The statements of a shell block: lines, with what a backslash or a here-document adds."""
    lines = iter(block.splitlines())
    for line in lines:
        held = line
        while held.endswith("\\"):
            held += "\n" + next(lines)
        if "<<'END'" in held:
            while not held.endswith("\nEND"):
                held += "\n" + next(lines)
        yield held


def _run(statement: str, patch: pytest.MonkeyPatch, *, may_refuse: bool = False) -> str:
    if statement.startswith("export "):
        name, _, value = statement.removeprefix("export ").partition("=")
        patch.setenv(name, _bash(f'printf %s "{value}"'))
        return ""
    if not statement.startswith("leadscore "):
        return _bash(statement)
    command, _, otherwise = statement.partition(" || ")
    command, _, sieve = command.partition(" | ")
    code, said = _leadscore(shlex.split(command, comments=True)[1:], patch)
    if may_refuse and code == 1:
        return said
    assert (code != 0) == bool(otherwise), f"{command}: {said}"
    said = _bash(sieve, said) if sieve else said
    return said + (_bash(f"(exit {code}) || {otherwise}") if code else "")


def _bash(command: str, given: str = "") -> str:
    done = subprocess.run(
        ["bash", "-ec", command], input=given, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _leadscore(words: list[str], patch: pytest.MonkeyPatch) -> tuple[int, str]:
    from leadscore.cli import main

    patch.setattr(sys, "argv", ["leadscore", *words])
    said, code = io.StringIO(), 0
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as end:
            code = int(end.code or 0)
    lines = said.getvalue().splitlines()
    return code, "".join(f"{line}\n" for line in lines if not _PROGRESS.search(line))


if __name__ == "__main__":  # writes a page's output blocks anew
    written = Path(sys.argv[1]).resolve()
    with pytest.MonkeyPatch.context() as context:
        text = filled(written.read_text(), Path(sys.argv[2]).resolve(strict=True), context)
    written.write_text(text)
