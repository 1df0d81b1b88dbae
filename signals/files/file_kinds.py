"""The kind of a file by its first bytes, whatever its name; unreadable kinds are refused."""

from pathlib import Path

from domain.errors import BadInput

HEAD = 1024
"""First bytes of a file that are looked at."""

GZIP = b"\x1f\x8b"
PARQUET = b"PAR1"
ZIP = b"PK\x03\x04"
MARKS = {
    b"\xff\xfe\x00\x00": "utf-32",
    b"\x00\x00\xfe\xff": "utf-32",
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe": "utf-16",
    b"\xfe\xff": "utf-16",
}
"""Byte order marks and the encoding that each tells of; the longer ones first."""

_UNPACK = "Unpack it, or pack it with gzip."
_EXPORT = "Export it as CSV, gzip, Parquet or .xlsx."
_NOT_READ = (
    (b"BZh91AY&SY", "is compressed with bzip2", _UNPACK),
    (b"\xfd7zXZ\x00", "is compressed with xz", _UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", _UNPACK),
    (b"\x04\x22\x4d\x18", "is compressed with lz4", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", _UNPACK),
    (b"Rar!\x1a\x07", "is a RAR archive", _UNPACK),
    (b"PARE", "is a Parquet file with an encrypted footer", "Write it again without encryption."),
    (b"\xd0\xcf\x11\xe0\xa1\xb1", "is an old workbook (.xls)", "Save it as .xlsx or as CSV."),
    (b"ARROW1\x00\x00", "is an Arrow or Feather file", _EXPORT),
    (b"Obj\x01", "is an Avro file", _EXPORT),
    (b"SQLite format 3\x00", "is an SQLite database", _EXPORT),
    (b"%PDF-", "is a PDF", _EXPORT),
)


def refuse_unread(head: bytes, where: str) -> None:
    """Raise BadInput for the kinds of files that are known, and that nothing here reads."""
    for magic, what, todo in _NOT_READ:
        if head.startswith(magic):
            raise BadInput(f"the file {what}", rule="file-kind", where=where, todo=todo)


def is_parquet(path: Path) -> bool:
    """Whether a file is Parquet, by its first bytes. Raises OSError."""
    with path.open("rb") as raw:
        return raw.read(len(PARQUET)) == PARQUET


def marked_encoding(head: bytes) -> tuple[str, bytes]:
    """The encoding that a byte order mark tells of, and the mark; "" and nothing without one."""
    for mark, encoding in MARKS.items():
        if head.startswith(mark):
            return encoding, mark
    return "", b""
