"""The Feast objects of a definition: packed state as stored, named features as a view of it.

State is stored as one array per entity, because a write or read of many separate fields costs
Feast many times more. The on-demand view computes the named features, by the same pure function
that scoring calls.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from domain.definition import FeatureDefinition
from domain.state import Matrix, layout_of
from feature_repo.feast_unchecked import (
    Array,
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
from feature_repo.features import catalogue, categories, category_names, number_names, numbers

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
        leads = unpack(frame["state"], layout.width)
        accounts = unpack(frame["account"], layout.account_width)
        as_of = frame[AS_OF].to_numpy(dtype=np.float64)
        columns = numbers(d, leads, accounts, as_of)
        named = pd.DataFrame(columns, columns=list(number_names(d)), index=frame.index)
        texts = [[str(t) for t in row] for row in _filled(frame["texts"], d)]
        for name, values in zip(
            category_names(d), zip(*categories(d, leads, texts), strict=True), strict=False
        ):
            named[name] = pd.Series(values, index=frame.index, dtype="object")
        return named


def unpack(packed: pd.Series, width: int) -> Matrix:
    """Packed arrays as a matrix [n, width]; what is missing, or of another width, is zeros."""
    if len(packed) and all(type(held) is np.ndarray and held.shape == (width,) for held in packed):
        return np.concatenate(packed.to_numpy()).reshape(-1, width).astype(np.float64)
    out = np.zeros((len(packed), width))
    for i, held in enumerate(packed):
        if held is not None and not np.isscalar(held) and len(held) == width:
            out[i] = held
    return out


def _filled(packed: pd.Series, definition: FeatureDefinition) -> list[list[str]]:
    wide = len(definition.texts) + 1
    return [
        list(held)
        if held is not None and not np.isscalar(held) and len(held) == wide
        else [""] * wide
        for held in packed
    ]


def views(definition: FeatureDefinition, offline: Path) -> list[Any]:
    """Everything to apply to Feast for one definition; `offline` holds its Parquet history."""
    lead = _stored(
        LEAD_VIEW,
        LEAD,
        offline / LEADS,
        [Field(name="state", dtype=Array(Float64)), Field(name="texts", dtype=Array(String))],
    )
    account = _stored(
        ACCOUNT_VIEW,
        ACCOUNT,
        offline / ACCOUNTS,
        [Field(name="account", dtype=Array(Float64))],
    )
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


def _stored(name: str, entity: Entity, parquet: Path, schema: list[Field]) -> FeatureView:
    return FeatureView(
        name=name,
        entities=[entity],
        schema=schema,
        source=FileSource(name=f"{name}_history", path=str(parquet), timestamp_field=TIMESTAMP),
        online=True,
    )
