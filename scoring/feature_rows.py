"""Leads with their features at one moment."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from domain.clock import SECOND
from domain.definition import FeatureDefinition
from domain.ports import LeadRef, LeadStates
from domain.state import Matrix
from feature_repo.features import categories, numbers


@dataclass(frozen=True, slots=True)
class FeatureRows:
    """Leads [n] with their number features [n, numbers] and n rows of category features."""

    leads: Sequence[LeadRef]
    states: LeadStates
    as_of_us: int
    numbers: Matrix
    texts: list[list[str]]


def rows_of(
    definition: FeatureDefinition, leads: Sequence[LeadRef], states: LeadStates, as_of_us: int
) -> FeatureRows:
    """The named features of leads in these states, at a moment."""
    moments = np.full(len(leads), as_of_us / SECOND)
    named = numbers(definition, states.leads, states.accounts, moments)
    texts = categories(definition, states.leads, [list(t) for t in states.texts])
    return FeatureRows(leads, states, as_of_us, named, texts)
