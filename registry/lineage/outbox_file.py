"""The outbox as version 0.2.0 kept it: a file of events, a line each, and how far it was sent."""

from collections.abc import Iterator
from pathlib import Path

EVENTS, SENT, REFUSED, LOCK = "events.jsonl", "sent", "refused.jsonl", "lock"


def kept_events(folder: Path) -> Iterator[tuple[bytes, bool, bool]]:
    """Each whole line's event in order, whether it was sent, and whether it was refused."""
    refused = set(_lines(folder / REFUSED))
    at, sent_to = 0, _sent_to(folder)
    for event in _lines(folder / EVENTS):
        at += len(event) + 1
        yield event, at <= sent_to and event not in refused, event in refused


def remove(folder: Path) -> None:
    """Remove the files; the events last, so that whoever is killed meanwhile does it again."""
    for name in (SENT, REFUSED, EVENTS):
        (folder / name).unlink(missing_ok=True)


def _lines(path: Path) -> Iterator[bytes]:
    if path.is_file():
        with path.open("rb") as stream:
            yield from (line[:-1] for line in stream if line.endswith(b"\n"))


def _sent_to(folder: Path) -> int:
    try:
        return int((folder / SENT).read_text())
    except (FileNotFoundError, ValueError):
        return 0
