"""Secrets: read where they are kept, an environment variable or a private file, shown nowhere."""

import os
import stat
from pathlib import Path
from typing import Annotated

import msgspec

from domain.errors import BadConfiguration, LeadscoreError, Missing

LONGEST = 4_096
VariableName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,127}$")]


class SecretPlace(msgspec.Struct, frozen=True, kw_only=True):
    """Where a secret is: in an environment variable, or alone on a line of a private file.

    `owner` is what the secret belongs to, such as "channel team", and `what` it is, such as "no
    address" where it is missing; `todo` says what to put there, `{where}` stands for the place.
    """

    owner: str
    variable: str | None
    file: str | None
    what: str
    rule: str
    todo_variable: str
    todo_file: str

    def read(self) -> str:
        """The secret. Raises Missing, or BadConfiguration where others may read its file.

        Neither shows any of it.
        """
        if self.variable is not None:
            text, where = os.environ.get(self.variable, "").strip(), self.variable
            todo = self.todo_variable
        else:
            where, todo = self.file or "", self.todo_file
            text = self._of_file(Path(where))
        todo = todo.format(where=where)
        if not text:
            raise Missing(f"{self.owner}: {where} holds {self.what}", rule=self.rule, todo=todo)
        if len(text) > LONGEST or not text.isprintable():
            what = f"{self.owner}: {where} holds {self.what}"
            raise BadConfiguration(what, rule=self.rule, todo=todo)
        return text

    def _of_file(self, path: Path) -> str:
        try:
            with path.open("rb") as stream:
                mode = os.fstat(stream.fileno()).st_mode
                if not stat.S_ISREG(mode) or mode & 0o077:
                    raise self._readable(path)
                return stream.read(LONGEST + 1).decode().strip()
        except OSError as bad:
            what = f"{self.owner}: {path} cannot be read ({type(bad).__name__})"
            todo = "Name a file that is there."
            raise Missing(what, rule=self.rule, todo=todo) from bad
        except UnicodeDecodeError:
            what = f"{self.owner}: {path} is no text"
            raise BadConfiguration(what, rule=self.rule) from None

    def _readable(self, path: Path) -> LeadscoreError:
        return BadConfiguration(
            f"{self.owner}: others may read {path}, which holds a secret",
            rule=self.rule,
            todo=f"chmod 600 {path}",
        )
