"""What a machine's mistakes and a broken home mean to a user, in our own errors."""

import sqlite3
import sys

from config.extras import missing_extra
from domain.errors import BadInput, LeadscoreError, Unavailable


def explained(error: Exception) -> LeadscoreError | None:
    """The error as one of ours; None for what is a fault of the program."""
    if isinstance(error, ModuleNotFoundError):
        return missing_extra(error.name)
    if isinstance(error, OSError):
        return BadInput(
            f"the file or folder cannot be used: {error.strerror or type(error).__name__}",
            rule="file-access",
            where=str(error.filename or ""),
            todo="Check its permissions and free disk space, then run the command again.",
        )
    # who has not imported it has not raised its errors
    databases = sys.modules.get("sqlalchemy.exc")
    raised = databases is not None and isinstance(error, databases.DBAPIError)
    if not raised and not isinstance(error, sqlite3.Error):
        return None
    from wiring.outages import database_outage

    kind = type(getattr(error, "orig", error)).__name__
    return database_outage(error) or Unavailable(
        f"a database of the home cannot be used: {kind}",
        rule="database-usable",
        todo="Nothing that was acknowledged is lost. Repair it, then try again.",
    )
