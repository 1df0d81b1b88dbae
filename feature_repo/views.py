"""The Feast objects of a definition: packed state as stored, named features as a view of it.

State is stored packed, one value per entity, because a write or read of many separate fields costs
Feast many times more. The on-demand view computes the named features, by the same pure function
that scoring calls.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd

from domain.definition import FeatureDefinition
from domain.state import Matrix, layout_of
from domain.state_codec import HEAD, is_packed, pack
from feature_repo.catalogue import catalogue, category_names, number_names
from feature_repo.feast_imports import (
    Bytes,
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    Float64,
    OnDemandFeatureView,
    PandasTransformation,
    RequestSource,
    String,
    ValueType,
)
from feature_repo.features import categories, numbers
from feature_repo.row_kernels import spread

LEAD_VIEW = "lead_state"
ACCOUNT_VIEW = "account_state"
LEADS, ACCOUNTS = "lead.parquet", "account.parquet"
"""The files of state history."""

TIMESTAMP = "event_timestamp"
AS_OF = "as_of"

LEAD = Entity(name="lead", join_keys=["lead_id"], value_type=ValueType.STRING)
ACCOUNT = Entity(name="account", join_keys=["account_id"], value_type=ValueType.STRING)


@dataclass(frozen=True)
class NamedFeatures:
    """The on-demand transformation: packed columns to named columns."""

    definition: FeatureDefinition

    @property
    def __name__(self) -> str:
        """What Feast calls it."""
        return self.definition.label

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Named features, row for row. An entity without state has seen nothing."""
        d, layout = self.definition, layout_of(self.definition)
        leads = stored_states(frame["state"], layout.width)
        accounts = stored_states(frame["account"], layout.account_width)
        as_of = frame[AS_OF].to_numpy(dtype=np.float64)
        columns = numbers(d, leads, accounts, as_of)
        named = pd.DataFrame(columns, columns=list(number_names(d)), index=frame.index)
        wide = len(d.texts) + 1
        texts = [list(stored_texts(row, wide)) for row in frame["texts"]]
        for name, values in zip(
            category_names(d), zip(*categories(d, leads, texts), strict=True), strict=False
        ):
            named[name] = pd.Series(values, index=frame.index, dtype="object")
        return named


def stored_states(packed: Iterable[Any], width: int) -> Matrix:
    """States as Feast gives them back, as a matrix [n, width].

    What is missing, or of another width, is zeros: an entity that has seen nothing.
    """
    whole = [one if is_packed(one, width) else _nothing(width) for one in packed]
    states = np.zeros((len(whole), width))
    if not states.size:
        return states
    begin = HEAD + (width + 7) // 8
    masks = np.frombuffer(b"".join([one[HEAD:begin] for one in whole]), dtype=np.uint8)
    values = np.frombuffer(b"".join([one[begin:] for one in whole]), dtype=np.float64)
    if not spread(masks.reshape(len(whole), begin - HEAD), values, states):
        raise ValueError("a stored state is not whole")
    return states


@lru_cache(maxsize=16)
def _nothing(width: int) -> bytes:
    (packed,) = pack(np.zeros((1, width)))
    return packed


@lru_cache(maxsize=1 << 12)
def texts_json(texts: tuple[str, ...]) -> bytes:
    """The text attributes of one lead, as they are stored; many leads share a profile."""
    return msgspec.json.encode(texts)


@lru_cache(maxsize=1 << 12)
def stored_texts(cell: object, wide: int) -> tuple[str, ...]:
    """The texts as Feast gives them back; empty ones where they are missing or of another width.

    Feast tries a view on words of its own choice, which are no such texts.
    """
    if isinstance(cell, bytes) and cell.startswith(b"["):
        texts = msgspec.json.decode(cell, type=tuple[str, ...])
        if len(texts) == wide:
            return texts
    return ("",) * wide


def views(definition: FeatureDefinition, offline: Path) -> list[Any]:
    """Everything to apply to Feast for one definition; `offline` holds its Parquet history."""
    lead, account = stored_views(offline)
    moment = RequestSource(name="moment", schema=[Field(name=AS_OF, dtype=Float64)])
    transform = NamedFeatures(definition)
    named = OnDemandFeatureView(
        name=f"{definition.label}_features",
        sources=[lead, account, moment],
        schema=[
            Field(name=f.name, dtype=Float64 if f.kind == "number" else String)
            for f in catalogue(definition)
        ],
        feature_transformation=PandasTransformation(
            udf=transform, udf_string="feature_repo.features"
        ),
        mode="pandas",
        description="The named features of a lead at a moment.",
    )
    service = FeatureService(
        name=definition.label, features=[named], tags={"fingerprint": definition.fingerprint}
    )
    return [LEAD, ACCOUNT, lead, account, named, service]


def stored_views(offline: Path) -> tuple[FeatureView, FeatureView]:
    """The packed states of leads and of accounts, whatever the definition."""
    texts = Field(name="texts", dtype=Bytes)
    lead = _stored(LEAD_VIEW, LEAD, offline / LEADS, [Field(name="state", dtype=Bytes), texts])
    fields = [Field(name="account", dtype=Bytes)]
    return lead, _stored(ACCOUNT_VIEW, ACCOUNT, offline / ACCOUNTS, fields)


def _stored(name: str, entity: Entity, parquet: Path, schema: list[Field]) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[entity],
        schema=[*(Field(name=key, dtype=String) for key in [entity.join_key]), *schema],
        source=FileSource(name=f"{name}_history", path=str(parquet), timestamp_field=TIMESTAMP),
        online=True,
    )
