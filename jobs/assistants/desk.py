"""Where assistants' calls come in: scope, arguments, the tool, the record of the call."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property
from threading import Lock
from typing import Any

import msgspec

from config.extras import missing_extra
from config.settings import Settings
from decisions.audit.assistant_journal import AssistantJournal, JournalDraft
from domain.errors import BadInput, LeadscoreError, Refused
from domain.redaction import without_values
from jobs.assistants.caller import PERSONAL, ToolCaller
from jobs.assistants.journal import open_journal
from jobs.assistants.lead_tools import LeadTools
from jobs.assistants.masking import Masking
from jobs.assistants.proposals import ProposalTools
from jobs.assistants.tools import TOOLS, Tool, ToolBox
from jobs.assistants.version_tools import VersionTools
from jobs.assistants.workflow_tools import WorkflowTools
from wiring.outages import outages_told
from wiring.serving import ServingRuntime

_log = logging.getLogger(__name__)


class ToolFailed(LeadscoreError):
    """A tool failed in a way that nobody foresaw; the log says where."""


class ToolDesk:
    """Answers calls of tools on one home. Safe to use from many threads; calls may block."""

    def __init__(self, settings: Settings, runtime: Callable[[], ServingRuntime]) -> None:
        """`runtime` gives what serves the home, opened once."""
        self._settings = settings
        self._runtime = runtime
        self._opening = Lock()

    def tools(self, caller: ToolCaller) -> list[Tool]:
        """The tools that a caller may use."""
        return [tool for tool in TOOLS.values() if caller.may(tool.scope)]

    def call(self, name: str, arguments: Mapping[str, Any], caller: ToolCaller) -> Any:
        """A tool's answer, a struct of its `gives`; the call is recorded before it is given.

        Raises what the tool raises, Refused where the caller lacks the scope, BadInput for an
        unknown tool or arguments that are none; Missing where it needs an extra that is not
        installed; Unavailable where the call cannot be recorded; ToolFailed.
        """
        began, outcome = time.monotonic(), "ok"
        try:
            with outages_told():
                return self._answer(name, arguments, caller)
        except LeadscoreError as bad:
            outcome = bad.rule
            raise
        except Exception as bad:
            missing = missing_extra(bad.name) if isinstance(bad, ModuleNotFoundError) else None
            if missing is not None:
                outcome = missing.rule
                raise missing from bad
            outcome = "internal"
            place = "".join(traceback.format_tb(bad.__traceback__))
            _log.error("a tool failed: %s\n%s", type(bad).__name__, place)
            raise ToolFailed("The tool failed.", rule="internal", todo="See the log.") from None
        finally:
            self._record(name, arguments, caller, outcome, time.monotonic() - began)

    def _answer(self, name: str, arguments: Mapping[str, Any], caller: ToolCaller) -> Any:
        tool = TOOLS.get(name)
        if tool is None:
            raise BadInput("no tool has that name", rule="tool-known", todo="List the tools.")
        caller.check(tool.scope)
        if not (tool.reads or caller.named):
            raise Refused(
                "A proposal or an act needs a credential that says whose it is.",
                rule="credential-named",
                todo="Send a key, or a token with `sub`.",
            )
        try:
            question = msgspec.convert(arguments, tool.takes)
        except msgspec.ValidationError as bad:
            raise BadInput(without_values(str(bad)), rule="arguments-valid") from None
        return tool.run(self._box(caller), question)

    def _box(self, caller: ToolCaller) -> ToolBox:
        masking, runtime = Masking(personal=caller.may(PERSONAL)), self._runtime()
        return ToolBox(
            leads=LeadTools(runtime, masking),
            versions=VersionTools(self._settings, masking),
            proposals=ProposalTools(self._settings, runtime, self._journal, caller, masking),
            workflow=WorkflowTools(self._settings, caller, masking),
        )

    @cached_property
    def _journal_once(self) -> AssistantJournal:
        return open_journal(self._settings)

    @property
    def _journal(self) -> AssistantJournal:
        with self._opening:
            return self._journal_once

    def _record(
        self,
        name: str,
        arguments: Mapping[str, Any],
        caller: ToolCaller,
        outcome: str,
        took_s: float,
    ) -> None:
        known = TOOLS.get(name)
        self._journal.append(
            JournalDraft(
                kind="call",
                caller=caller.credential,
                transport=caller.transport,
                tool="unknown" if known is None else name,
                arguments=noted(arguments) if known is not None else {},
                outcome=outcome,
                took_us=round(took_s * 1e6),
                personal=caller.may(PERSONAL),
            )
        )


def noted(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """What the journal keeps of arguments: short texts masked, of objects the names.

    >>> noted({"lead_id": "lead_1", "identifiers": {"email": "jo@acme.com"}, "limit": 5})
    {'lead_id': 'lead_1', 'identifiers': ['email'], 'limit': 5}
    """
    masking = Masking(personal=False)
    return {
        masking.text(name, 64): _noted(value, masking) for name, value in [*arguments.items()][:16]
    }


def _noted(value: Any, masking: Masking) -> Any:
    if isinstance(value, str):
        return masking.text(value, 128)
    if isinstance(value, dict):
        return [masking.text(str(name), 64) for name in sorted(value)[:50]]
    return value if value is None or isinstance(value, bool | int | float) else "list"
