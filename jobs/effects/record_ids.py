"""The id of a lead's record at a CRM: a field of the effect, or one of the lead's identifiers."""

from collections.abc import Callable
from functools import lru_cache

from config.settings import Settings
from domain.errors import UnknownLead
from jobs.effects.rules import RecordRule
from workflow.connectors.connector import RecordId
from workflow.effect import Effect

KnownValues = Callable[[str], list[tuple[str, str]]]
"""Kinds and values of the identifiers of a lead, by its id."""


def record_ids(rule: RecordRule, values_of: KnownValues) -> RecordId:
    """What finds the id of an effect's lead; personal data where it is an identifier."""
    if rule.field is not None:
        return lambda effect: str(effect.fields.get(rule.field or "") or "")

    def of_identifiers(effect: Effect) -> str:
        known = values_of(effect.lead_id) if effect.lead_id else []
        return next((value for kind, value in known if kind == rule.identifier), "")

    return of_identifiers


def values_in_log(settings: Settings) -> KnownValues:
    """The identifiers on a lead's newest events; the log is opened where one is looked for."""

    @lru_cache(maxsize=1)
    def opened() -> Callable[[str], list[tuple[str, str]]]:
        from signals.identity.known_values import identifiers_of
        from wiring.signals import open_signals

        plane = open_signals(settings)

        def values(lead_id: str) -> list[tuple[str, str]]:
            try:
                lead = plane.directory.resolve(lead_id)
            except UnknownLead:
                return []
            return identifiers_of(plane.engine, plane.directory, lead)

        return values

    return lambda lead_id: opened()(lead_id)  # noqa: PLW0108 opened when it is first needed
