"""The table of the spool: a row for each decision that waits, in the order of recording."""

from zlib import crc32

import msgspec
import sqlalchemy as sa

from domain.decisions import DecisionRecord

METADATA = sa.MetaData()

SPOOL = sa.Table(
    "spool",
    METADATA,
    sa.Column("sequence", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("decision_id", sa.String(64), nullable=False, unique=True),
    sa.Column("request_key", sa.String(64)),
    sa.Column("checksum", sa.BigInteger, nullable=False),
    sa.Column("damaged", sa.Boolean, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("spool_request", "request_key"),
)
"""`body` is the record as JSON, `checksum` its CRC-32; `damaged` marks a row that does not fit it.

Its statements are SQLite's own text: a statement through the engine costs four times as much.
"""

ANY = "SELECT 1 FROM spool WHERE NOT damaged LIMIT 1"
LAST = "SELECT max(sequence) FROM spool WHERE NOT damaged"
BY_ID = "SELECT checksum, body FROM spool WHERE decision_id = ?"
BY_KEY = "SELECT checksum, body FROM spool WHERE request_key = ?"
PART = (
    "SELECT sequence, checksum, body FROM spool WHERE NOT damaged AND sequence <= ? "
    "ORDER BY sequence LIMIT ?"
)
INSERT = (
    "INSERT INTO spool (decision_id, request_key, checksum, damaged, body) VALUES (?, ?, ?, 0, ?)"
)
INSERT_NEW = f"{INSERT} ON CONFLICT (decision_id) DO NOTHING"
MARK = "UPDATE spool SET damaged = 1 WHERE sequence = ?"
DELETE = "DELETE FROM spool WHERE sequence <= ? AND NOT damaged"

SpoolRow = tuple[str, str | None, int, bytes]

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(DecisionRecord)


def row_of(record: DecisionRecord) -> SpoolRow:
    """What `INSERT` takes for a decision."""
    body = _encoder.encode(record)
    key = record.request.key if record.request is not None else None
    return record.answer.decision_id, key, crc32(body), body


def record_in(checksum: int, body: bytes) -> DecisionRecord | None:
    """The decision of a row, None where it is not what was written."""
    if crc32(body) != checksum:
        return None
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        return None
