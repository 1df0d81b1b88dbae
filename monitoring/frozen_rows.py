"""A frozen data set: rows at cutoffs with labels and features, to compare versions on.

A Parquet file with the columns of COLUMNS and one for each feature, by its name. What it is of
stands in its metadata, with a digest of all values: a file that was changed since is refused. It
names nobody: leads and accounts are numbers made of their ids.
"""

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from domain.errors import BadInput, Missing
from monitoring.canary_target import Learnt
from monitoring.outcomes import JoinCounts, JoinRule, OutcomeTable

COLUMNS = ("lead", "account", "cutoff", "label")
"""Numbers of lead and account, the cutoff as a moment with its zone, and the label in {0, 1}."""
METADATA = b"leadscore.dataset"
TODO = "`leadscore dataset --out FILE` makes one."


class FrozenDescription(Learnt, frozen=True, kw_only=True):
    """What a data set is of: labels of an outcome within days, features of a feature service."""

    feature_service: str
    watermark_us: int
    rows: int
    positives: int
    digest: str


@dataclass(frozen=True, slots=True)
class FrozenRows:
    """A data set as read, its rows by cutoff; `described` is None where the file says nothing."""

    frame: pd.DataFrame
    digest: str
    described: FrozenDescription | None

    @property
    def cutoffs_us(self) -> NDArray[np.int64]:
        """The cutoffs [n] in microseconds since 1970."""
        return _microseconds(self.frame["cutoff"])


def write_frozen(
    frame: pd.DataFrame, learnt: Learnt, feature_service: str, watermark_us: int, path: Path
) -> FrozenDescription:
    """Write rows whole or not at all, with what they are of; returns that."""
    described = FrozenDescription(
        outcome=learnt.outcome,
        horizon_days=learnt.horizon_days,
        feature_service=feature_service,
        watermark_us=watermark_us,
        rows=len(frame),
        positives=int(frame["label"].sum()),
        digest=digest_of(frame),
    )
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), METADATA: msgspec.json.encode(described)}
    part = path.with_name(f".{path.name}.part")
    try:
        pq.write_table(table.replace_schema_metadata(metadata), part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return described


def read_frozen(path: Path) -> FrozenRows:
    """Read a data set and check it.

    Raises Missing where there is no file, BadInput where it is no data set or was changed.
    """
    if not path.is_file():
        raise Missing("no such file", rule="dataset-file", where=str(path), todo=TODO)
    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as bad:
        raise _bad(path, "it is no Parquet file that can be read", "dataset-readable") from bad
    frame = table.to_pandas()
    _check_columns(frame, path)
    digest = digest_of(frame)
    described = _described((table.schema.metadata or {}).get(METADATA), path)
    if described is not None and described.digest != digest:
        raise _bad(path, "it was changed after it was frozen", "dataset-unaltered")
    order = frame.sort_values(["cutoff", "lead"], kind="stable", ignore_index=True)
    return FrozenRows(order, digest, described)


def digest_of(frame: pd.DataFrame) -> str:
    """SHA-256 of names and values, the same however a file keeps them."""
    digest = sha256()
    for name in sorted(frame.columns):
        digest.update(f"{name}\n".encode())
        values = frame[name]
        if is_numeric_dtype(values.dtype) or values.dtype.kind == "M":
            digest.update(np.ascontiguousarray(_numbers(values)).tobytes())
        else:
            digest.update("\0".join(values.fillna("").astype(str)).encode())
    return digest.hexdigest()


def table_of(
    frozen: FrozenRows,
    kept: NDArray[np.bool_],
    scores: dict[str, NDArray[np.float64]],
    horizon_days: float,
    outcome: str,
) -> OutcomeTable:
    """Rows that are `kept` [n], as if the first version had decided and the second scored unseen.

    `scores` are those of champion and challenger, by label, of the rows kept.
    """
    frame, cutoffs = frozen.frame[kept], frozen.cutoffs_us[kept]
    (champion, served), (challenger, unseen) = scores.items()
    leads, lead = np.unique(frame["lead"].to_numpy(), return_inverse=True)
    account = np.unique(frame["account"].to_numpy(), return_inverse=True)[1]
    size = len(frame)
    return OutcomeTable(
        rule=JoinRule(outcome=outcome, horizon_days=horizon_days),
        watermark_us=frozen.described.watermark_us if frozen.described else 0,
        counts=JoinCounts(
            decisions=size,
            kept=size,
            repeats=0,
            closed=0,
            unknown=0,
            matured=size,
            immature=0,
            early_positives=0,
        ),
        lead_ids=tuple(str(name) for name in leads),
        decision_ids=tuple(
            f"{name}@{at}" for name, at in zip(frame["lead"], cutoffs.tolist(), strict=True)
        ),
        decided_us=cutoffs,
        as_of_us=cutoffs,
        lead=lead.astype(np.int64),
        account=account.astype(np.int64),
        score=served,
        arm=np.full(size, "champion"),
        model=np.full(size, champion),
        shadow={challenger: unseen},
        y=frame["label"].to_numpy(dtype=np.int8),
        matured=np.ones(size, dtype=np.bool_),
        place=np.arange(size),
    )


def _numbers(values: Any) -> NDArray[Any]:
    """A column of numbers or moments as an array of 8-byte numbers."""
    if values.dtype.kind == "M":
        return _microseconds(values)
    if values.dtype.kind in "iu":
        return np.asarray(values.to_numpy(dtype=np.int64))
    return np.asarray(values.to_numpy(dtype=np.float64, na_value=np.nan))


def _microseconds(moments: Any) -> NDArray[np.int64]:
    """Moments with a zone [n] as microseconds since 1970."""
    utc = moments.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy()
    return np.asarray(utc.astype("datetime64[us]").astype(np.int64))


def _described(content: bytes | None, path: Path) -> FrozenDescription | None:
    if content is None:
        return None
    try:
        return msgspec.json.decode(content, type=FrozenDescription)
    except msgspec.DecodeError as bad:
        raise _bad(path, "its description cannot be read", "dataset-readable") from bad


def _check_columns(frame: pd.DataFrame, path: Path) -> None:
    absent = [name for name in COLUMNS if name not in frame.columns]
    if absent:
        raise _bad(path, f"columns are missing: {', '.join(absent)}", "dataset-columns")
    if not isinstance(frame["cutoff"].dtype, pd.DatetimeTZDtype):
        raise _bad(path, "`cutoff` is no moment with a time zone", "dataset-columns")
    if frame[list(COLUMNS)].isna().any(axis=None) or not frame["label"].isin([0, 1]).all():
        raise _bad(path, "`label` is not 0 or 1 in each row, or a value is empty", "dataset-labels")


def _bad(path: Path, what: str, rule: str) -> BadInput:
    return BadInput(what, rule=rule, where=str(path), todo=TODO)
