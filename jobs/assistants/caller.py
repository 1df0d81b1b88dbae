"""Who calls a tool, and what it may."""

from typing import NamedTuple

from domain.errors import Refused

ADMIN, PERSONAL = "admin", "personal"


class ToolCaller(NamedTuple):
    """An authenticated caller of tools.

    `credential` is what the ledger calls it: `key:…`, `token:…`, `os:…`, or `here`. `scopes` are
    those of `serving.auth.api_keys.Scope`. `transport` is how it calls: stdio or http. `named`:
    the credential says whose it is.
    """

    credential: str
    scopes: frozenset[str]
    transport: str
    named: bool = True

    def may(self, scope: str) -> bool:
        """Whether it has the scope; `admin` includes all but the sight of personal data."""
        return scope in self.scopes or (scope != PERSONAL and ADMIN in self.scopes)

    def check(self, scope: str) -> None:
        """Raise Refused where it lacks the scope."""
        if not self.may(scope):
            raise Refused(
                f"The credential lacks the scope `{scope}`.",
                rule="scope",
                todo="Make a key with it: `leadscore keys create --scope`.",
            )
