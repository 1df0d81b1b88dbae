"""A small world to train on: leads on a grid, features that say something, and outcomes."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
import pandas as pd

from domain.clock import DAY
from domain.definition import Family, FeatureDefinition, Outcome, ProfileAttribute
from domain.journeys import Journeys, LeadSpan, OutcomeEvent
from feature_repo.catalogue import category_names, number_names
from training.config import Every, TrainingConfig
from training.data.dataset import Dataset

START = 20_000 * DAY
DEFINITION = FeatureDefinition(
    service="small",
    version=1,
    families=(Family(name="view", channel="web", types=("web.page_viewed",)),),
    attributes=(
        ProfileAttribute(name="size", kind="number", types=("crm.lead_updated",), field="size"),
        ProfileAttribute(name="country", kind="text", types=("crm.lead_updated",), field="country"),
    ),
    outcomes=(Outcome(name="won", types=("crm.deal_won",)),),
    accounts=False,
)
CONFIG = TrainingConfig(horizon_days=10.0, cutoffs=Every(days=10.0), trials=2, iterations=20)


def journeys(leads: int = 400, days: int = 220, falling: float = 0.0) -> Journeys:
    """Leads born over time; some win, the likelier the larger `size` (see `history`) is.

    `falling` is the share of wins that are lost from the first day to the last, little by little.
    """
    random = np.random.default_rng(3)
    spans, outcomes = {}, []
    for i in range(leads):
        born = START + int(random.integers(0, days - 40) * DAY)
        name = f"lead{i}"
        spans[name] = LeadSpan(name, born, known_us=born, final=name)
        happened = born + int(random.integers(1, 90) * DAY)
        fewer = 1 - falling * (born - START) / (days * DAY)
        likely = random.random() < (0.1 + 0.8 * size(name)) * fewer
        if likely and happened < START + days * DAY:
            outcomes.append(OutcomeEvent(name, "won", happened, happened))
    return Journeys(spans, outcomes, [], START + days * DAY, 1000, "hash")


def size(lead: str) -> float:
    return (hash_of(lead) % 1000) / 1000


def hash_of(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=4).digest(), "big")


def history(
    leads: Sequence[str], accounts: Sequence[str], moments_us: Sequence[int]
) -> pd.DataFrame:
    """Features of leads at moments: noise, but for `size` and `country`; some are missing."""
    random = np.random.default_rng(len(leads))
    numbers = random.normal(size=(len(leads), len(number_names(DEFINITION))))
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    frame = pd.DataFrame(numbers, columns=list(number_names(DEFINITION)))
    frame["size"] = [size(lead) for lead in leads]
    for name in category_names(DEFINITION):
        frame[name] = [["DE", "FR", "US", ""][int(size(lead) * 4)] for lead in leads]
    return frame


def dataset(rows: int, seed: int) -> Dataset:
    """Two numbers and a category that tell, and one number that does not."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=(rows, 3))
    numbers[random.random(numbers.shape) < 0.1] = np.nan
    texts = random.choice(np.array(["a", "b", ""], dtype=object), (rows, 1))
    told = np.nan_to_num(numbers[:, 0]) + (texts[:, 0] == "a")
    labels = (random.random(rows) < 1 / (1 + np.exp(0.5 - told))).astype(np.int64)
    moments = np.sort(random.integers(0, 100, rows)) * DAY
    groups = random.integers(0, rows // 3, rows)
    weights = random.uniform(0.5, 1.5, rows)
    return Dataset(("x", "y", "z", "c"), ("c",), numbers, texts, labels, moments, groups, weights)
