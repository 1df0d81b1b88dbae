"""Contract files as they were: in a folder, or in this folder at a git revision."""

import subprocess
from pathlib import Path

from domain.errors import BadInput
from signals.contracts.lint import read_texts


def texts_at(folder: Path, revision: str) -> dict[str, str]:
    """The contract files by name in the folder of that name, or of `folder` at a git revision.

    Raises BadInput where it is neither.
    """
    if Path(revision).is_dir():
        return read_texts(Path(revision))
    listed = _git(folder, revision, "ls-tree", "-z", "--name-only", f"{revision}", "./")
    names = [name for name in listed.split("\0") if name.endswith(".yaml")]
    return {name: _git(folder, revision, "show", f"{revision}:./{name}") for name in names}


def _git(folder: Path, revision: str, *words: str) -> str:
    if revision.startswith("-"):
        raise _neither(revision, "it begins with -")
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words], capture_output=True, check=True, text=True
        )
    except FileNotFoundError as bad:
        raise _neither(revision, "git is not installed") from bad
    except subprocess.CalledProcessError as bad:
        reason = str(bad.stderr).strip().partition("\n")[0]
        raise _neither(revision, reason.removeprefix("fatal: ")) from bad
    return done.stdout


def _neither(revision: str, why: str) -> BadInput:
    return BadInput(
        f"{revision!r} is neither a folder nor a git revision of it: {why}",
        rule="against",
        todo="Name a folder, or a revision such as HEAD or main.",
    )
