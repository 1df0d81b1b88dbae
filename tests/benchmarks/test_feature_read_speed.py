"""A read of features through Feast, one lead and a hundred, on SQLite and on Redis."""

from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
import pytest

from domain.identifiers import AccountId, LeadId
from domain.ports import LeadRef
from feature_repo.standard import standard_service
from feature_repo.store import FeastStore
from tests.benchmarks.bars import bar

D = standard_service()
LEADS, ROUNDS, BLOCK, MANY = 2_000, 400, 50, 100
MOST_S = {"sqlite": 0.0003, "redis": 0.0006}
"""The most that a read of one lead takes, at the median."""
GROWTH = 30.0
"""The most times that a read of a hundred leads takes what a read of one does."""


def _refs(store: FeastStore) -> list[LeadRef]:
    random = np.random.default_rng(0)
    refs = [LeadRef(LeadId(f"lead_{n}"), AccountId(f"acct_{n // 4}")) for n in range(LEADS)]
    shape = (LEADS, store.layout.width)
    states = np.where(random.random(shape) < 0.15, random.random(shape), 0.0)
    texts = [["US"] * (len(D.texts) + 1)] * LEADS
    store.write_leads([r.lead_id for r in refs], states, texts, [10**15] * LEADS)
    accounts = sorted({r.account_id for r in refs})
    vectors = random.random((len(accounts), store.layout.account_width))
    store.write_accounts(accounts, vectors, [10**15] * len(accounts))
    return refs


@pytest.fixture(scope="module", params=sorted(MOST_S))
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, FeastStore]:
    online = request.getfixturevalue("redis_url") if request.param == "redis" else ""
    made = FeastStore(tmp_path_factory.mktemp("home"), D, online)
    made.apply()
    return request.param, made


@pytest.mark.benchmark(group="features read through Feast")
def test_a_read_of_one_and_of_a_hundred(benchmark: Any, store: tuple[str, FeastStore]) -> None:
    kind, held = store
    refs, took = _refs(held), dict[int, list[float]]({1: [], MANY: []})
    for block in range(0, ROUNDS, BLOCK):
        for count, times in took.items():
            for n in range(block, block + BLOCK):
                asked = [refs[(n * count + k) % LEADS] for k in range(count)]
                began = perf_counter()
                assert held.read(asked).leads.any()
                times.append(perf_counter() - began)
    one, many = median(took[1]), median(took[MANY])
    benchmark.extra_info.update(store=kind, one_ms=1e3 * one, hundred_ms=1e3 * many)
    benchmark.pedantic(lambda: held.read(refs[:1]), rounds=5)
    what, beside = f"reading {MANY} leads, {kind}", "reading one"
    bar(benchmark, what, beside, many / one, at_most=GROWTH)
    assert one <= MOST_S[kind]
