"""The store of API keys, on every database."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import inf
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from config.settings import Settings
from domain.clock import FixedClock
from domain.errors import BadInput, Missing, Refused, Unavailable
from serving.auth.api_key_store import KeyStore, open_keys
from serving.auth.api_keys import PREFIX, Scope, split_key
from tests.ports.databases import both_databases

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
Engines = Callable[[], Engine]


def store_on(engines: Engines, clock: FixedClock | None = None) -> KeyStore:
    return KeyStore(engines(), clock or FixedClock(NOW))


@both_databases
def test_a_key_is_kept_as_a_hash_that_another_process_finds(engines: Engines) -> None:
    assert store_on(engines).keys() == []
    key, sent = store_on(engines).create("crm", ["read", "score"], NOW + timedelta(days=90))
    key_id, secret = split_key(sent) or ("", "")
    assert (key_id, len(secret)) == (key.key_id, 43)
    held = store_on(engines).stored()[key_id]
    assert held.digest == hashlib.sha256(secret.encode()).digest()
    assert held.scopes == {Scope.SCORE, Scope.READ}
    assert held.until_s == (NOW + timedelta(days=90)).timestamp()
    assert not held.revoked
    assert store_on(engines).keys() == [key]
    assert (key.created, key.expires) == ("2026-03-01T12:00:00Z", "2026-05-30T12:00:00Z")
    with engines().connect() as connection:
        rows = str(connection.execute(text("SELECT * FROM access_keys")).all())
    assert secret not in rows


@both_databases
def test_a_key_is_revoked_once_and_for_good(engines: Engines) -> None:
    store, clock = store_on(engines), FixedClock(NOW + timedelta(days=1))
    key, _ = store.create("crm", ["score"])
    assert store.any_live()
    gone = store_on(engines, clock).revoke(key.key_id, " left the firm ")
    assert (gone.revoked, gone.reason) == ("2026-03-02T12:00:00Z", "left the firm")
    assert store.stored()[key.key_id].revoked
    assert not store.any_live()
    with pytest.raises(Refused):
        store.revoke(key.key_id, "again")
    assert store.get(key.key_id) == gone


@both_databases
def test_a_key_that_expired_is_not_live(engines: Engines) -> None:
    clock = FixedClock(NOW)
    store = store_on(engines, clock)
    store.create("crm", ["score"], NOW + timedelta(hours=1))
    assert store.any_live()
    clock.moment += timedelta(hours=1)
    assert not store.any_live()


@both_databases
def test_no_two_keys_are_alike(engines: Engines) -> None:
    store = store_on(engines)
    made = [store.create("same", ["admin"]) for _ in range(20)]
    assert len({key.key_id for key, _ in made}) == 20
    assert len({split_key(sent) for _, sent in made}) == 20
    assert all(sent.startswith(PREFIX) for _, sent in made)
    assert {one.until_s for one in store.stored().values()} == {inf}


@both_databases
def test_what_makes_no_key_is_refused(engines: Engines) -> None:
    store = store_on(engines)
    for name, scopes, expires in (
        ("", ["score"], None),
        ("n" * 65, ["score"], None),
        ("line\nbreak", ["score"], None),
        ("crm", [], None),
        ("crm", ["score", "everything"], None),
        ("crm", ["score"], NOW),
    ):
        with pytest.raises(BadInput):
            store.create(name, scopes, expires)
    with pytest.raises(Missing):
        store.revoke("0123", "why")
    key, _ = store.create("crm", ["score"])
    for reason in ("", "  ", "x" * 257):
        with pytest.raises(BadInput):
            store.revoke(key.key_id, reason)


def test_whoever_only_reads_makes_no_file(tmp_path: Path) -> None:
    store = open_keys(Settings(home=tmp_path / "home"))
    assert store.stored() == {}
    assert not store.any_live()
    assert not list(tmp_path.rglob("*.db"))


def test_a_database_that_is_away_is_unavailable(tmp_path: Path) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    with pytest.raises(Unavailable) as raised:
        open_keys(Settings(home=tmp_path, access_url=url)).keys()
    assert "secret" not in str(raised.value)
