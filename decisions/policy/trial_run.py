"""A policy's first run: its golden rows, made in a process of its own that can be stopped.

The engine is native code, which nothing in its own process can interrupt. What the checks bound
is bounded here once more, before a policy is registered: by time, by memory, by its death.

    python -m decisions.policy.trial_run FILE    # writes the golden rows as JSON
"""

import resource
import subprocess
import sys
from pathlib import Path

import msgspec

from decisions.policy.golden_rows import golden_rows
from domain.errors import BadConfiguration
from domain.versions.policy_manifest import GoldenRow

SECONDS = 30
"""So long may all golden rows of a policy take."""
BYTES = 2 << 30
"""So much memory may it take, the interpreter and its libraries included."""
_ROOT = Path(__file__).parents[2]


class _Answer(msgspec.Struct, frozen=True):
    """Golden rows, or why there are none: what, rule, where, what to do."""

    rows: list[GoldenRow] = []
    refused: tuple[str, str, str, str] | None = None


def tried(path: Path, seconds: float = SECONDS) -> list[GoldenRow]:
    """The golden rows of a policy's file, made in a process of their own.

    Raises BadConfiguration as `load_policy` does, and where that process ends without an answer.
    """
    command = [sys.executable, "-m", "decisions.policy.trial_run", str(path.resolve())]
    try:
        done = subprocess.run(command, cwd=_ROOT, capture_output=True, timeout=seconds, check=True)
    except subprocess.TimeoutExpired as bad:
        raise _stopped(path, f"took longer than {seconds:g} s") from bad
    except subprocess.CalledProcessError as bad:
        raise _stopped(path, f"ended its process, exit code {bad.returncode}") from bad
    answer = msgspec.json.decode(done.stdout, type=_Answer)
    if answer.refused is not None:
        what, rule, where, todo = answer.refused
        raise BadConfiguration(what, rule=rule, where=where, todo=todo)
    return answer.rows


def _stopped(path: Path, what: str) -> BadConfiguration:
    return BadConfiguration(
        f"deciding on its golden rows {what}",
        rule="policy-bounded",
        where=path.name,
        todo="Make its expressions smaller: fewer loops, shorter lists.",
    )


def _answer(path: Path) -> _Answer:
    try:
        return _Answer(rows=golden_rows(path))
    except BadConfiguration as bad:
        return _Answer(refused=(bad.what, bad.rule, bad.where, bad.todo))


def _main(path: str) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.buffer.write(msgspec.json.encode(_answer(Path(path))))


if __name__ == "__main__":
    _main(sys.argv[1])
