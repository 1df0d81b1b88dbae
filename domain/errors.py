"""Every error a user can cause, as one tree.

    LeadscoreError
    ├── Refused            1   a gate or a verdict says no
    ├── BadInput           2   bad usage, a bad file, a bad value
    │   ├── BadConfiguration   an unknown or contradictory setting
    │   ├── BadMapping         a mapping that does not fit its file
    │   └── BadSignal          one signal that cannot be accepted (it is quarantined)
    ├── Interrupted        130 somebody broke it off: what was committed stands
    └── Missing            3   something needed is not there
        ├── UnknownLead        no lead with that key
        ├── NoModel            no version at the stage that was asked for
        └── Unavailable        a dependency did not answer: trying again may help

The number is the exit code of the command line. A message says what is wrong, where, which rule
it breaks, and what to do. Personal data never stands in a message.
"""

from typing import ClassVar


class LeadscoreError(Exception):
    """An error with a rule, a place and a way out.

    `rule` is a short stable slug that tests, metrics and problem documents may rely on. `key` is
    the place in a document that the error is about, such as `$.champion[3].name`: whoever reads
    the document's file makes a line of it.
    """

    exit_code: ClassVar[int] = 1
    retryable: ClassVar[bool] = False

    def __init__(
        self, what: str, *, rule: str, where: str = "", todo: str = "", key: str = ""
    ) -> None:
        self.what = what
        self.key = key
        self.rule = rule
        self.where = where
        self.todo = todo
        super().__init__(what)

    def __str__(self) -> str:
        """One line: where, what, the rule in brackets, what to do."""
        head = f"{self.where}: {self.what}" if self.where else self.what
        tail = f" {self.todo}" if self.todo else ""
        return f"{head} [{self.rule}]{tail}"


class Refused(LeadscoreError):
    """A gate or a verdict says no."""

    exit_code = 1


class Interrupted(LeadscoreError):
    """Somebody broke it off before it was done; the message says what was committed."""

    exit_code = 130


class BadInput(LeadscoreError):
    """Bad usage, a bad file or a bad value."""

    exit_code = 2


class BadConfiguration(BadInput):
    """An unknown or contradictory setting."""


class BadMapping(BadInput):
    """A mapping that does not fit its file."""


class BadSignal(BadInput):
    """One signal that cannot be accepted; the caller quarantines it."""


class Missing(LeadscoreError):
    """Something needed is not there."""

    exit_code = 3


class UnknownLead(Missing):
    """No lead is known by that key."""


class NoModel(Missing):
    """No version has the stage that was asked for."""


class Unavailable(Missing):
    """A dependency did not answer; trying again may help."""

    retryable = True
