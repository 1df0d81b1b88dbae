"""What is to be done outside because of a decision: the effects that a workflow asks for."""

from typing import Annotated

import msgspec

EffectKey = Annotated[str, msgspec.Meta(min_length=1, max_length=128, pattern=r"^[\x21-\x7e]+$")]
EffectName = Annotated[str, msgspec.Meta(max_length=64, pattern=r"^[a-z][a-z0-9_]*$")]


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do outside, once.

    `key` is its idempotency key: whoever receives an effect twice under one key does it once.
    `connector` names the configured connection that carries it out, `action` what that is to do,
    `fields` what it needs to know. `action_id` marks what comes back of it: signals that carry
    the id were caused by us. `created_us` is in microseconds since 1970.
    """

    key: EffectKey
    connector: EffectName
    action: EffectName
    lead_id: str
    account_id: str = ""
    action_id: str = ""
    fields: dict[str, str | float | bool | None] = {}
    created_us: int
