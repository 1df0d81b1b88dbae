"""Columns of Arrow as exact text, so that one mapping serves CSV, workbooks and Parquet."""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa
from pyarrow import compute

UNREADABLE = None
"""What stands in place of a cell whose bytes are no text."""

Texts = Sequence[str | None]
_Test = Callable[[pa.DataType], bool]
_POWER = re.compile("[eE]")


class NoText(Exception):
    """A column of a type that has no text of one meaning, such as a list."""


def texts_of(column: pa.Array, decimal: str = ".") -> Texts:
    """The cells as text: "" for a null and a NaN, UNREADABLE for what cannot be told.

    That is bytes that are not UTF-8, and a moment that no calendar holds. Numbers keep every digit,
    have no power of ten, and `decimal` as their decimal sign. A moment is ISO text, with its offset
    where it has a zone. Raises NoText for other types, ArrowException for a damaged column.
    """
    for tests, read in _READERS:
        if any(test(column.type) for test in tests):
            return read(column, decimal)
    raise NoText


def has_text(kind: pa.DataType) -> bool:
    """Whether a column of a type has a text."""
    try:
        texts_of(pa.nulls(0, kind))
    except (NoText, pa.ArrowException, TypeError, ValueError):
        return False
    return True


def _cast(column: pa.Array, _: str = "") -> list[str]:
    return [v or "" for v in column.cast(pa.string()).to_pylist()]


def _of_runs(column: pa.RunEndEncodedArray, decimal: str) -> Texts:
    return texts_of(compute.run_end_decode(column), decimal)


def _of_dictionary(column: pa.DictionaryArray, decimal: str) -> Texts:
    """Only those values that occur: a dictionary may be far larger than a batch."""
    places = column.indices.fill_null(0).to_numpy(zero_copy_only=False)
    if column.null_count == len(column):
        return [""] * len(column)
    used, at = np.unique(places, return_inverse=True)
    values = texts_of(column.dictionary.take(pa.array(used)), decimal)
    texts = [values[i] for i in at]
    if column.null_count:
        nulls = column.is_null().to_pylist()
        return ["" if null else text for null, text in zip(nulls, texts, strict=True)]
    return texts


def _of_extension(column: pa.ExtensionArray, decimal: str) -> Texts:
    if column.type.extension_name == "arrow.uuid":
        stored = column.storage.to_pylist()
        return ["" if v is None else str(UUID(bytes=v)) for v in stored]
    return texts_of(column.storage, decimal)


def _of_bytes(column: pa.Array, _: str) -> Texts:
    try:
        return _cast(column.cast(pa.binary()))
    except pa.ArrowInvalid:
        return list(map(_decoded, column.to_pylist()))


def _decoded(value: bytes | None) -> str | None:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError:
        return UNREADABLE


def _of_numbers(column: pa.Array, decimal: str) -> list[str]:
    if pa.types.is_floating(column.type):
        column = compute.if_else(compute.is_nan(column), None, column)
    texts = [f"{Decimal(t):f}" if _POWER.search(t) else t for t in _cast(column)]
    return texts if decimal == "." else [text.replace(".", decimal) for text in texts]


def _of_moments(column: pa.Array, _: str) -> Texts:
    try:
        return list(map(_in_range, _cast(column)))
    except pa.ArrowInvalid:  # a zone that this machine does not know; the moments are in UTC
        local = texts_of(column.cast(pa.timestamp(column.type.unit)))
        return [f"{t}Z" if t else t for t in local]


def _in_range(text: str) -> str | None:
    return UNREADABLE if text.startswith("<") else text  # Arrow says so of what no calendar holds


_t = pa.types
_READERS: tuple[tuple[Sequence[_Test], Callable[[Any, str], Texts]], ...] = (
    ([lambda kind: isinstance(kind, pa.BaseExtensionType)], _of_extension),
    ([_t.is_dictionary], _of_dictionary),
    ([_t.is_run_end_encoded], _of_runs),
    (
        [_t.is_binary, _t.is_large_binary, _t.is_fixed_size_binary, _t.is_binary_view],
        _of_bytes,
    ),
    ([_t.is_floating, _t.is_decimal], _of_numbers),
    ([_t.is_date, _t.is_timestamp], _of_moments),
    ([_t.is_null, _t.is_boolean, _t.is_integer, _t.is_time], _cast),
    ([_t.is_string, _t.is_large_string, _t.is_string_view], _cast),
)
