"""Checkpoints: the present head of every chain, written to the anchors and sent to a webhook."""

import logging
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread

from sqlalchemy.exc import SQLAlchemyError

from config.settings import Settings
from decisions.audit.tables import AUDIT
from decisions.audit.trail import AuditTrail
from domain.errors import LeadscoreError, Unavailable
from domain.verification import Head
from signals.events.log_verification import log_head
from signals.store.tables import events
from storage.files import exclusive, write_whole
from storage.hash_chain import GENESIS
from wiring.integrity.agreement import ledger_entries
from wiring.integrity.anchors import LEDGER, LOG, TRAIL, Kept, open_anchors
from wiring.integrity.journals import engine_of, journal_heads

POST_S = 2.0
"""How long a webhook may take for one anchor; the first that it does not take ends the telling."""
AT_A_TIME = 100
"""So many anchors are told at once; the others wait for the next time."""

_log = logging.getLogger(__name__)


def checkpoint(settings: Settings, why: str, anew: str = "") -> bool:
    """Write an anchor of trail, ledger, log and journals; returns whether it could be written.

    A store that does not answer is left out. `anew` is a person's reason for which earlier anchors
    no longer count.
    """
    anchors = open_anchors(settings)
    try:
        kept = Kept() if anew else anchors.readable()
        heads = _heads(settings, kept)
    except LeadscoreError as bad:
        _log.warning("no anchor is written: %s", bad)
        return False
    written = anchors.write(why, heads, anew=anew)
    deliver(settings)
    return written


def note_trail(settings: Settings, newest: Head) -> None:
    """Write an anchor of the trail, and send it without making anybody wait."""
    open_anchors(settings).write("decisions", {TRAIL: newest})
    if settings.anchors_url:
        Thread(target=partial(deliver, settings), name="anchors", daemon=True).start()


def deliver(settings: Settings) -> int:
    """Post the anchors that the webhook does not have yet, oldest first; how many went.

    What cannot be sent waits, and is sent with the next one.
    """
    url, path = settings.anchors_url, settings.anchors_file
    if not url or not path.is_file():
        return 0
    sent = 0
    try:
        with exclusive(path.with_name(f"{path.name}.sending")):
            for line, end in _unsent(path):
                _post(url, line)
                write_whole(_sent(path), str(end).encode())
                sent += 1
    except (OSError, Unavailable) as bad:
        _log.warning("anchors wait for their webhook: %s", type(bad).__name__)
    return sent


def _post(url: str, line: bytes) -> None:
    import httpx

    try:
        answer = httpx.post(
            url, content=line, headers={"Content-Type": "application/json"}, timeout=POST_S
        )
    except httpx.HTTPError as bad:
        raise Unavailable("the webhook does not answer", rule="anchors-webhook") from bad
    if not answer.is_success:
        raise Unavailable(f"the webhook says {answer.status_code}", rule="anchors-webhook")


def _unsent(path: Path) -> list[tuple[bytes, int]]:
    """The next whole lines, and where each ends."""
    at = 0
    with suppress(FileNotFoundError, ValueError):
        at = int(_sent(path).read_text())
    unsent: list[tuple[bytes, int]] = []
    with path.open("rb") as stream:
        stream.seek(at)
        for line in stream:
            at += len(line)
            if not line.endswith(b"\n") or len(unsent) == AT_A_TIME:
                break
            unsent.append((line, at))
    return unsent


def _sent(path: Path) -> Path:
    return path.with_name(f"{path.name}.sent")


def _heads(settings: Settings, kept: Kept) -> dict[str, Head]:
    heads: dict[str, Head | None] = {}
    with suppress(Unavailable):
        entries = ledger_entries(settings)
        digest = entries[-1].hash if entries else GENESIS
        heads[LEDGER] = Head(sequence=len(entries), hash=digest)
    for store, url, table in (
        (TRAIL, settings.audit_db, AUDIT.name),
        (LOG, settings.signals_db, events.name),
    ):
        with suppress(Unavailable, SQLAlchemyError):
            heads[store] = _head(url, store, table, kept)
    chains = {store: head for store, head in heads.items() if head is not None and head.sequence}
    return chains | journal_heads(settings)


def _head(url: str, store: str, table: str, kept: Kept) -> Head | None:
    engine = engine_of(url, table)
    if engine is None:
        return None
    try:
        return AuditTrail(engine).head() if store == TRAIL else log_head(engine, kept.newest(LOG))
    finally:
        engine.dispose()
