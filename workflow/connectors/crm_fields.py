"""From an effect to the named fields of a CRM, by configuration."""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from workflow.connectors.connector import RecordId
from workflow.effect import Effect
from workflow.outbox.effect_queue import ClaimedEffect
from workflow.outbox.receipt import RELEASED, EffectReceipt

FieldValue = str | float | bool | None
OF_EFFECT = ("effect_key", "action_id", "lead_id", "account_id", "action")
"""What an effect is, which a CRM's field may be filled with as well as with its fields."""
LARGEST_WHOLE = 2.0**53
"""Up to here a number with a point stands for each whole one."""
_CODE = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")


class CrmUpdate(NamedTuple):
    """An effect, the record that it is about, and what its fields are to hold."""

    claimed: ClaimedEffect
    record: str
    properties: dict[str, FieldValue]


class CrmMapping:
    """Which of an effect's fields go into which field of the CRM, and by what values.

    `fields` is from names in the effect, or one of OF_EFFECT, to names in the CRM; `values` from
    the name in the effect to what its values are called there, such as owners' ids.
    """

    def __init__(
        self, fields: Mapping[str, str], values: Mapping[str, Mapping[str, str]], record: RecordId
    ) -> None:
        self._fields = fields
        self._values = values
        self._record = record

    def updates(
        self, claimed: Sequence[ClaimedEffect]
    ) -> tuple[list[CrmUpdate], dict[int, EffectReceipt]]:
        """What is to be written, and receipts of what is not, by the effects' sequence.

        Of effects on one record the first alone is written: one request takes a record once.
        """
        updates: dict[str, CrmUpdate] = {}
        receipts: dict[int, EffectReceipt] = {}
        for one in claimed:
            update = self._update(one)
            if isinstance(update, EffectReceipt):
                receipts[one.sequence] = update
            elif update.record in updates:
                receipts[one.sequence] = RELEASED
            else:
                updates[update.record] = update
        return list(updates.values()), receipts

    def _update(self, claimed: ClaimedEffect) -> CrmUpdate | EffectReceipt:
        effect = claimed.effect
        known = {**effect.fields, **_of_effect(effect)}
        properties: dict[str, FieldValue] = {}
        for source, target in self._fields.items():
            if source not in known:
                continue
            value = known[source]
            called = self._values.get(source)
            if called is not None and value is not None:
                if str(value) not in called:
                    cause = f"`values` of {source} does not name what the effect holds"
                    return EffectReceipt(verdict="never", rule="field-value", cause=cause)
                value = called[str(value)]
            properties[target] = value
        if not properties:
            cause = "none of its fields is in `fields` of the connector"
            return EffectReceipt(verdict="never", rule="fields-mapped", cause=cause)
        record = self._record(effect)
        if not record:
            cause = "the id of the lead's record is not known"
            return EffectReceipt(verdict="never", rule="record-known", cause=cause)
        return CrmUpdate(claimed, record, properties)


def _of_effect(effect: Effect) -> dict[str, str]:
    names = dict(zip(OF_EFFECT, ("key", *OF_EFFECT[1:]), strict=True))
    return {name: str(getattr(effect, attribute)) for name, attribute in names.items()}


def plain(value: FieldValue) -> str:
    """A value as people write it: whole numbers without a point, words for truth, "" for none.

    >>> [plain(one) for one in (1.0, 0.25, True, "A", None)]
    ['1', '0.25', 'true', 'A', '']
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and abs(value) < LARGEST_WHOLE:
        return str(int(value))
    return str(value)


def code_of(value: object) -> str:
    """A receiver's error code, or UNKNOWN: a message of its own may hold personal data.

    >>> code_of("UNABLE_TO_LOCK_ROW"), code_of("jo@example.com is no e-mail"), code_of(None)
    ('UNABLE_TO_LOCK_ROW', 'UNKNOWN', 'UNKNOWN')
    """
    return value if isinstance(value, str) and _CODE.fullmatch(value) else "UNKNOWN"
