"""Events of a source come from those who may speak for it: keys may be bound to sources."""

from collections.abc import Collection, Sequence

import msgspec

from serving.problems import Forbidden

SOURCES = "leadscore.sources"
"""Where the access layer puts the sources that a request's caller is bound to."""


class _Source(msgspec.Struct):
    source: object = None


_decoder = msgspec.json.Decoder(_Source)


def check_sources(documents: Sequence[bytes], allowed: Collection[str]) -> None:
    """Raise Forbidden where an event is of a source that its sender is not bound to.

    `allowed`: the sender's sources, none where it is bound to none. What cannot be read has no
    source, and goes to quarantine. All of a request is refused: nothing of it is kept.
    """
    if not allowed:
        return
    for index, document in enumerate(documents):
        try:
            source = _decoder.decode(document).source
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            continue
        if source is not None and not (isinstance(source, str) and source in allowed):
            raise Forbidden(
                f"The credential may not send events of the source of event {index}.",
                rule="source-bound",
                todo="Send it with a key for that source: `leadscore keys create --scope ingest "
                "--source NAME`.",
            )
