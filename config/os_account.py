"""Which account of the operating system makes a change: recorded beside the name that is given."""

import os
import pwd
from pathlib import Path

_LOGIN_ID = Path("/proc/self/loginuid")
_NONE = 2**32 - 1
"""What Linux says of a process that nobody logged in for."""


def os_account() -> str:
    """The account, as `os:NAME`, or `os:ID` where it has no name.

    It is the one that logged in, where Linux knows it: it stays the same behind `sudo -u`, so that
    several people who share a service's account can be told apart. Else it is the process's own.
    """
    return f"os:{_name(_logged_in(_LOGIN_ID, os.getuid()))}"


def _logged_in(sessionid: Path, otherwise: int) -> int:
    try:
        account = int(sessionid.read_text())
    except (OSError, ValueError):
        return otherwise
    return otherwise if account == _NONE else account


def _name(user_id: int) -> str:
    try:
        return pwd.getpwuid(user_id).pw_name
    except KeyError:
        return str(user_id)
