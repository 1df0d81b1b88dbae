"""Undo a wrong merge: a person's decision that identifiers are not of one lead."""

from collections.abc import Collection, Sequence

from sqlalchemy import func, insert, select

from domain.errors import BadInput
from domain.ports import LeadRef
from signals.ingest.transactions import Writer
from signals.store.tables import identifiers, separations


def separate(
    writer: Writer, lead: LeadRef, apart: Collection[str], reason: str, now_us: int
) -> list[str]:
    """Set identifiers of a lead apart from its others, now and for good; the leads they are now.

    Links between the two sides count no more, whatever comes later. States are made anew from the
    log. Raises BadInput where an identifier is not the lead's, or none would stay.
    """
    if not reason.strip():
        raise BadInput(
            "a split without a reason", rule="reason-given", todo="Say why: it is kept for good."
        )
    with writer.transaction() as connection:
        query = select(identifiers.c["key"]).where(identifiers.c.lead_id == lead.lead_id)
        keys = sorted(connection.execute(query).scalars())
        _check(keys, apart)
        last = connection.execute(select(func.max(separations.c.separation))).scalar() or 0
        sides = {key: int(key in apart) for key in keys}
        rows = [
            {"separation": last + 1, "key": k, "side": s, "decided_us": now_us, "reason": reason}
            for k, s in sides.items()
        ]
        connection.execute(insert(separations), rows)
        resolver = writer.identities.resolver
        for key, side in sides.items():
            resolver.sides.setdefault(key, {})[last + 1] = side
        writer.batch(connection).separate(set(keys), reason, now_us)
        return sorted({resolver.leads[key] for key in keys})


def _check(keys: Sequence[str], apart: Collection[str]) -> None:
    if unknown := len(set(apart) - set(keys)):
        raise BadInput(
            f"{unknown} of the identifiers are not this lead's",
            rule="split-own",
            todo="`leadscore identity show` tells what the lead is known by.",
        )
    if not apart or len(set(apart)) == len(keys):
        raise BadInput(
            f"the lead has {len(keys)} identifiers, {len(set(apart))} would go",
            rule="split-both-sides",
            todo="Name some of its identifiers, not all.",
        )
