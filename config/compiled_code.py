"""Where numba keeps compiled code, which it runs and unpickles: a folder of this user alone."""

import os
from pathlib import Path

from domain.errors import BadConfiguration

COMPILED = "NUMBA_CACHE_DIR"
"""The environment variable that names the folder."""


def check_compiled_code(home: Path, folder: str) -> None:
    """Refuse a folder of compiled code that others could write to, or that lies in the home.

    numba runs what it finds there, and unpickles it. Where none is named it stands beside the
    source, or in the user's own cache. A folder that is not there yet is made, for this user alone.
    Raises BadConfiguration.
    """
    if not folder:
        return
    path = Path(folder).resolve()
    if path.is_relative_to(home.resolve()):
        raise _unsafe("it lies in the home, whose files are data and may come from elsewhere")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = path.stat()
    except OSError as bad:
        raise _unsafe(f"it cannot be made: {bad.strerror}") from bad
    if status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise _unsafe("others own it or may write to it")


def _unsafe(why: str) -> BadConfiguration:
    return BadConfiguration(
        f"compiled code cannot be cached there: {why}",
        rule="compiled-code-private",
        where=COMPILED,
        todo="Name a folder outside the home that this user owns, with mode 0700, or leave the "
        "setting out.",
    )
