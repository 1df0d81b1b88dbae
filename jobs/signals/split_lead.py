"""Identifiers set apart from a lead's others."""

from collections.abc import Sequence

from domain.clock import SystemClock, to_us
from domain.errors import BadInput, BadSignal
from domain.ports import LeadRef
from signals.ingest.split_lead import separate
from wiring.signals import SignalPlane


def split(
    plane: SignalPlane, lead: LeadRef, apart: Sequence[tuple[str, str]], reason: str
) -> list[str]:
    """Set identifiers, as (kind, value), of a lead apart from its others; the leads they are now.

    Raises BadInput where one is not the lead's, or none would stay.
    """
    try:
        read = plane.writer.identifiers.read
        keys = {key for kind, value in apart for key in read({kind: value}).keys}
    except BadSignal as bad:
        raise BadInput(bad.what, rule=bad.rule, where="identifiers") from None
    leads = separate(plane.writer, lead, keys, reason, to_us(SystemClock().now()))
    plane.ingest.push()
    return leads
