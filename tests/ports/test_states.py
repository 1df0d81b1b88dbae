"""The contract of `StateWriter` and `StateReader`: Feast on SQLite, Feast on Redis, the double."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import pytest

from domain.clock import DAY, SECOND
from domain.errors import Unavailable
from domain.identifiers import AccountId, LeadId
from domain.ports import LeadRef, StateReader, StateWriter
from domain.state import layout_of
from feature_repo.standard import standard_service
from feature_repo.store import FeastStore
from tests.ports.doubles import MemoryStore
from tests.servers import free_port

D = standard_service()
WIDTH, ACCOUNT_WIDTH = layout_of(D).width, layout_of(D).account_width
TEXTS = [f"text {i}" for i in range(len(D.texts))] + ["won"]
NO_TEXTS = [""] * len(TEXTS)
T0 = 1_780_000_000 * SECOND


class Store(StateWriter, StateReader, Protocol):
    """Both ports, as one adapter."""


@pytest.fixture(scope="module", params=["feast on sqlite", "feast on redis", "double"])
def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """One store for all: each test has leads of its own."""
    if request.param == "double":
        return MemoryStore(D)
    online = ""
    if request.param == "feast on redis":
        online = request.getfixturevalue("redis_url") + "/3"
    made = FeastStore(tmp_path_factory.mktemp("home"), D, online)
    made.apply()
    return made


def ref(lead: str, account: str = "") -> LeadRef:
    return LeadRef(LeadId(lead), AccountId(account))


def test_what_is_written_is_read_back_bit_for_bit(store: Store) -> None:
    random = np.random.default_rng(1)
    states, accounts = random.normal(size=(3, WIDTH)), random.normal(size=(2, ACCOUNT_WIDTH))
    states[0, :4] = [-0.0, np.inf, 5e-324, 1.7e308]
    texts = [TEXTS, ["", *TEXTS[1:]], ["é \u2028 ☃ \0", *TEXTS[1:]]]
    store.write_leads(["a", "b", "c"], states, texts, [T0, T0 + DAY, T0 + 123_457])
    store.write_accounts(["acct", "other"], accounts, [T0, T0 + 1])
    read = store.read([ref("c", "acct"), ref("a"), ref("b", "nowhere"), ref("c", "other")])
    assert read.leads.tobytes() == states[[2, 0, 1, 2]].tobytes()
    zeros = np.zeros(ACCOUNT_WIDTH)
    wanted = np.array([accounts[0], zeros, zeros, accounts[1]])
    assert read.accounts.tobytes() == wanted.tobytes()
    assert [list(t) for t in read.texts] == [texts[2], texts[0], texts[1], texts[2]]


def test_every_read_knows_its_age_to_the_second_at_least(store: Store) -> None:
    moments = [T0, T0 + 999_999, T0 + SECOND, T0 + 400 * DAY + 1]
    leads = [f"aged {i}" for i in range(len(moments))]
    store.write_leads(leads, np.ones((4, WIDTH)), [TEXTS] * 4, moments)
    read = store.read([ref(lead) for lead in leads])
    for kept, known in zip(read.known_us, moments, strict=True):
        assert 0 <= known - kept < SECOND


def test_who_is_not_known_has_seen_nothing(store: Store) -> None:
    read = store.read([ref("nobody", "nowhere"), ref("nobody either")])
    assert not read.leads.any()
    assert not read.accounts.any()
    assert [list(t) for t in read.texts] == [NO_TEXTS] * 2
    assert list(read.known_us) == [0, 0]
    assert (read.leads.shape, read.accounts.shape) == ((2, WIDTH), (2, ACCOUNT_WIDTH))


@pytest.mark.parametrize("later", [T0, T0 + SECOND, T0 - DAY])
def test_the_last_write_wins_whatever_its_moment(store: Store, later: int) -> None:
    """A split or a late event changes a state whose newest event is no newer, or is older."""
    lead = f"rewritten {later}"
    store.write_leads([lead], np.ones((1, WIDTH)), [TEXTS], [T0])
    store.write_leads([lead], np.full((1, WIDTH), 2.0), [NO_TEXTS], [later])
    read = store.read([ref(lead)])
    assert np.all(read.leads == 2.0)
    assert list(read.texts[0]) == NO_TEXTS
    assert list(read.known_us) == [later]


def test_the_forgotten_have_seen_nothing(store: Store) -> None:
    store.write_leads(["x", "y"], np.ones((2, WIDTH)), [TEXTS] * 2, [T0] * 2)
    store.forget(["x", "never written"])
    read = store.read([ref("x"), ref("y"), ref("never written")])
    assert not read.leads[[0, 2]].any()
    assert read.leads[1].all()
    assert list(read.texts[0]) == NO_TEXTS
    assert list(read.known_us) == [0, T0, 0]


def test_nothing_may_be_written_and_read(store: Store) -> None:
    nothing: Sequence[str] = []
    store.write_leads(nothing, np.zeros((0, WIDTH)), [], [])
    store.write_accounts(nothing, np.zeros((0, ACCOUNT_WIDTH)), [])
    store.forget(nothing)
    assert store.read([]).leads.shape == (0, WIDTH)


def test_many_at_once(store: Store) -> None:
    count = 3_000
    states = np.arange(count * WIDTH, dtype=np.float64).reshape(count, WIDTH)
    leads = [f"one of many {i}" for i in range(count)]
    store.write_leads(leads, states, [TEXTS] * count, [T0 + i for i in range(count)])
    some = range(0, count, 7)
    read = store.read([ref(leads[i]) for i in some])
    np.testing.assert_array_equal(read.leads, states[list(some)])


@pytest.fixture(params=["feast on sqlite", "feast on redis"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> FeastStore:
    """A store whose server, or file, is not there."""
    server = f"redis://:secret@127.0.0.1:{free_port()}/0"
    made = FeastStore(tmp_path, D, server if request.param == "feast on redis" else "")
    if request.param == "feast on redis":
        made.apply()
    return made


def test_a_store_that_is_away_is_unavailable_and_says_no_secret(away: FeastStore) -> None:
    for call in (
        lambda: away.write_leads(["z"], np.ones((1, WIDTH)), [TEXTS], [T0]),
        lambda: away.read([ref("z")]),
        lambda: away.forget(["z"]),
    ):
        with pytest.raises(Unavailable) as raised:
            call()
        assert "secret" not in str(raised.value)
        assert raised.value.rule == "online-store"
