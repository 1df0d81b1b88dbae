"""A version's fallback as a version of its own: a label, a folder, a manifest.

So that it is opened, checked, scored, explained, recorded and replayed like any other.
"""

from dataclasses import replace

import numpy as np

from domain.definition import FeatureDefinition
from domain.ports import LeadStates
from domain.versions.manifest import FALLBACK_FOLDER, Manifest
from feature_repo.catalogue import category_names, number_names
from registry.cache import OpenedVersion
from scoring.feature_rows import FeatureRows

SUFFIX = "/profile"
"""What follows a version's label where its fallback answered."""


def of_fallback(opened: OpenedVersion[Manifest]) -> OpenedVersion[Manifest] | None:
    """The fallback of a version whose files were checked; None where it has none."""
    manifest = opened.manifest.of_fallback()
    if manifest is None:
        return None
    return OpenedVersion(opened.label + SUFFIX, opened.folder / FALLBACK_FOLDER, manifest)


def version_of(label: str) -> str:
    """The version that a label is of, be it its own or its fallback's.

    >>> version_of("lead-3/profile"), version_of("lead-3")
    ('lead-3', 'lead-3')
    """
    return label.removesuffix(SUFFIX)


def profile_rows(definition: FeatureDefinition, rows: FeatureRows) -> FeatureRows:
    """Rows with the attributes of the profile alone; all else is missing, not zero.

    A policy must be able to tell a lead whose behaviour cannot be read from one that has none.
    """
    kept = {a.name for a in definition.attributes}
    numbers = rows.numbers.copy()
    numbers[:, [name not in kept for name in number_names(definition)]] = np.nan
    mask = [name in kept for name in category_names(definition)]
    texts = [[t if keep else "" for t, keep in zip(row, mask, strict=True)] for row in rows.texts]
    return replace(rows, numbers=numbers, texts=texts)


def some_rows(rows: FeatureRows, places: list[int]) -> FeatureRows:
    """Some of the rows, in this order."""
    states = rows.states
    picked = LeadStates(
        leads=states.leads[places],
        accounts=states.accounts[places],
        texts=[states.texts[i] for i in places],
        known_us=[states.known_us[i] for i in places],
        degraded=[states.degraded[i] for i in places] if states.degraded else (),
    )
    leads, texts = [rows.leads[i] for i in places], [rows.texts[i] for i in places]
    return FeatureRows(leads, picked, rows.as_of_us, rows.numbers[places], texts)
