"""Anchors: where every chain of a home stood, written where its databases are not.

Whoever can write a home's databases can cut off a chain's end, empty it, or compute it anew: the
chain alone looks whole. An anchor is a line in a file elsewhere (`LEADSCORE_ANCHORS`, by default in
the user's state folder), each line hashed over the one before, and with a URL a document that is
posted to it as well. What is written and when is told in docs/audit.md.
"""

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import msgspec

from config.settings import Settings
from domain.clock import SystemClock, iso, to_us
from domain.errors import BadInput
from domain.verification import Head
from storage.files import drop_torn_line, exclusive, private_folder
from storage.hash_chain import GENESIS, link

TRAIL, LEDGER, LOG = "trail", "ledger", "log"
"""The stores that are chains."""
IDENTITY = "home.id"
"""The file in a home that tells it from one that was made anew in the same place."""
_TAIL = 1 << 20

_log = logging.getLogger(__name__)


class Anchor(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where chains stood `at` a moment, RFC 3339, and `why` it was written down.

    `stages` are digests of who stood where, by kind of version, as it was found to agree with the
    ledger. `anew` is the reason of a person for which what was anchored before no longer counts.
    """

    at: str
    home: str
    why: str
    heads: dict[str, Head] = {}
    stages: dict[str, str] = {}
    anew: str = ""


class AnchorLine(msgspec.Struct, frozen=True, kw_only=True):
    """An anchor as the file has it: `hash` covers it and the hash of the line before."""

    anchor: Anchor
    previous: str
    hash: str


@dataclass(slots=True)
class Kept:
    """What a file of anchors says of one home.

    `heads` are hashes by store and sequence; `stages` the newest digests by kind. `broken` is the
    first line that breaks the hash chain, `others` how many lines are of other homes. `anew` are
    the reasons for which it began anew.
    """

    heads: dict[str, dict[int, str]] = field(default_factory=dict)
    stages: dict[str, str] = field(default_factory=dict)
    lines: int = 0
    others: int = 0
    broken: int | None = None
    anew: list[str] = field(default_factory=list)

    def take(self, anchor: Anchor) -> None:
        """Add a line of this home."""
        if anchor.anew:
            self.heads, self.stages = {}, {}
            self.anew.append(anchor.anew)
        for store, head in anchor.heads.items():
            # the first word counts: what was changed since is anchored in vain
            self.heads.setdefault(store, {}).setdefault(head.sequence, head.hash)
        self.stages.update(anchor.stages)
        self.lines += 1

    def newest(self, store: str) -> Head:
        """The furthest place of a chain that is anchored."""
        head = self.heads.get(store)
        if not head:
            return Head(sequence=0, hash=GENESIS)
        return Head(sequence=max(head), hash=head[max(head)])


class Anchors:
    """The anchors of a home. Safe to use from many processes."""

    def __init__(self, home: Path, path: Path) -> None:
        self._home = home
        self.path = path

    def kept(self) -> Kept:
        """What is anchored. Raises BadInput where the file cannot be read."""
        kept, expected, identity = Kept(), GENESIS, self.identity()
        for number, line in enumerate(self._lines(), start=1):
            if line is None or line.previous != expected or line.hash != _hash(line):
                kept.broken = number
                return kept
            expected = line.hash
            if line.anchor.home == identity:
                kept.take(line.anchor)
            else:
                kept.others += 1
        return kept

    def readable(self) -> Kept:
        """As `kept`; nothing where the file cannot be read, which is logged."""
        try:
            return self.kept()
        except BadInput as bad:
            _log.warning("no anchor is known: %s", bad)
            return Kept()

    def write(
        self,
        why: str,
        heads: Mapping[str, Head],
        stages: Mapping[str, str] | None = None,
        anew: str = "",
    ) -> bool:
        """Write an anchor down, on disk when this returns; whether it could be.

        What is anchored never stops because the anchor cannot be written: that is logged.
        """
        try:
            anchor = Anchor(
                at=iso(to_us(SystemClock().now())),
                home=self.identity(make=True),
                why=why,
                heads=dict(heads),
                stages=dict(stages or {}),
                anew=anew,
            )
            private_folder(self.path.parent)
            with exclusive(self.path.with_name(f"{self.path.name}.lock")):
                self._append(anchor)
        except OSError as bad:
            _log.warning("no anchor could be written (%s): %s", type(bad).__name__, self.path)
            return False
        return True

    def note_stages(self, kind: str, digest: str, ledger: Head) -> None:
        """Remember the stages of all versions, which agree with the ledger at present."""
        kept = self.readable()
        if kept.stages.get(kind) == digest and kept.newest(LEDGER) == ledger:
            return
        self.write("served", {LEDGER: ledger}, {kind: digest})

    def identity(self, *, make: bool = False) -> str:
        """The identity of this home, "" where it has none yet."""
        path = self._home / IDENTITY
        with suppress(FileNotFoundError, NotADirectoryError):
            return path.read_text().strip()
        if not make:
            return ""
        whole = path.with_name(f"{IDENTITY}.{uuid4().hex}")
        whole.write_text(f"{uuid4().hex}\n")
        with suppress(FileExistsError):
            os.link(whole, path)  # there at once and whole, for the first that comes
        whole.unlink()
        return path.read_text().strip()

    def _append(self, anchor: Anchor) -> None:
        with self.path.open("a+b") as stream:
            drop_torn_line(stream)
            previous = _last_hash(self.path)
            line = AnchorLine(anchor=anchor, previous=previous, hash="")
            line = msgspec.structs.replace(line, hash=_hash(line))
            stream.write(msgspec.json.encode(line) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())

    def _lines(self) -> Iterator[AnchorLine | None]:
        """Each whole line, None for one that is not an anchor."""
        try:
            with self.path.open("rb") as stream:
                for text in stream:
                    if text.endswith(b"\n"):
                        yield _line(text)
        except FileNotFoundError:
            return
        except OSError as bad:
            raise BadInput(
                f"the anchors cannot be read: {type(bad).__name__}",
                rule="anchors-readable",
                where=str(self.path),
            ) from bad


def open_anchors(settings: Settings) -> Anchors:
    """The anchors of this home."""
    return Anchors(settings.home, settings.anchors_file)


def digest_of(document: msgspec.Struct) -> str:
    """SHA-256 of a struct, in hex."""
    return sha256(msgspec.json.encode(document, order="sorted")).hexdigest()


def _hash(line: AnchorLine) -> str:
    return link(line.previous, msgspec.json.encode(line.anchor, order="sorted"))


def _line(text: bytes) -> AnchorLine | None:
    try:
        return msgspec.json.decode(text, type=AnchorLine)
    except msgspec.DecodeError:
        return None


def _last_hash(path: Path) -> str:
    """The hash of the last whole line of a file that is locked."""
    with path.open("rb") as stream:
        stream.seek(max(0, stream.seek(0, os.SEEK_END) - _TAIL))
        lines = stream.read().splitlines()
    last = _line(lines[-1]) if lines else None
    return GENESIS if last is None else last.hash
