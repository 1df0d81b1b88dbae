"""Effects are put into the outbox, in the transaction of whatever they follow from."""

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from domain.errors import BadInput
from storage.sql import insert_into
from workflow.effect import Effect
from workflow.outbox.tables import EFFECTS

LARGEST_EFFECT = 64 << 10
"""Bytes of one effect as JSON."""
LONGEST_LANE = 160
"""Characters of a lead's id, as the table keeps them."""
AT_ONCE = 10_000
"""So many effects one call takes at most."""
_decoder = msgspec.json.Decoder(Effect)


def enqueue(connection: sa.Connection, effects: Sequence[Effect]) -> None:
    """Let effects wait for delivery; they are delivered where the caller's transaction commits.

    An effect whose key is there already, in whatever state, is left out: to ask twice is harmless.
    Effects of one lead for one connector are delivered in the order in which they were put in.
    Raises BadInput for an effect that is not of the form of one, or too large.
    """
    if len(effects) > AT_ONCE:
        raise BadInput(
            f"{len(effects):,} effects at once, may be {AT_ONCE:,}", rule="effects-at-once"
        )
    if effects:
        rows = [_row(effect) for effect in effects]
        connection.execute(insert_into(connection, EFFECTS).on_conflict_do_nothing(), rows)


def lane_of(effect: Effect) -> str:
    """What keeps its order: the lead, else the account, else the effect alone."""
    if effect.lead_id:
        return effect.lead_id
    return f"account:{effect.account_id}" if effect.account_id else f"key:{effect.key}"


def _row(effect: Effect) -> dict[str, Any]:
    lane = lane_of(effect)
    return {
        "key": effect.key,
        "connector": effect.connector,
        "lane": lane,
        "state": "waiting",
        "due_us": effect.created_us,
        "lease_us": 0,
        "holder": "",
        "begun": 0,
        "failures": 0,
        "created_us": effect.created_us,
        "settled_us": 0,
        "rule": "",
        "cause": "",
        "body": _body(effect, lane),
    }


def _body(effect: Effect, lane: str) -> bytes:
    body = msgspec.json.encode(effect)
    try:
        _decoder.decode(body)  # a struct that was made in Python was not checked
    except msgspec.ValidationError as bad:
        raise BadInput(
            f"not an effect: {bad}", rule="effect-form", todo="workflow/effect.py has its form."
        ) from None
    if len(body) > LARGEST_EFFECT or len(lane) > LONGEST_LANE:
        raise BadInput(
            f"an effect for {effect.connector} has {len(body):,} bytes, may have "
            f"{LARGEST_EFFECT:,}, and {len(lane)} characters of a lead's id, may have "
            f"{LONGEST_LANE}",
            rule="effect-size",
        )
    return body
