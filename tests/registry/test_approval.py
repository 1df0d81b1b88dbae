"""A second approver: a promotion to champion waits for another person, and gates are run again."""

from collections.abc import Callable
from pathlib import Path

import pytest

from config.os_account import _logged_in, os_account
from domain.errors import Missing, NoModel, Refused
from domain.measurement import Interval
from domain.versions.manifest import Stage
from registry.cache import open_cached
from registry.gate_file import load_gates
from registry.gates import GateRules
from registry.promotion import Terms, approve, promote
from registry.store import Registry
from registry.transitions import GateRefusal

Sealed = Callable[..., Path]
Open = Callable[..., Registry]
CHAMPION = Stage.CHAMPION
WORSE = {"auroc": Interval(value=0.6, low=0.55, high=0.65)}


@pytest.fixture
def terms() -> Terms:
    rules = load_gates()
    asked = {f: getattr(rules, f) for f in rules.__struct_fields__}
    return Terms(rules=GateRules(**(asked | {"second_approver": True})))


@pytest.fixture
def registry(registry_at: Open, sealed: Sealed) -> Registry:
    registry = registry_at()
    for metrics in (None, WORSE):
        registry.register(sealed(metrics), run_id=None, by="ann")
    return registry


def test_a_request_serves_nothing_until_another_person_approves(
    registry: Registry, terms: Terms
) -> None:
    asked = promote(registry, "1", CHAMPION, by="ann", reason="first", terms=terms)
    assert asked.waiting
    assert asked.version.stage == Stage.CANDIDATE
    with pytest.raises(NoModel):
        open_cached(registry.cache)
    for same in ("ann", " Ann ", "ANN"):
        with pytest.raises(Refused, match="second-approver"):
            approve(registry, "1", by=same, reason="me too", terms=terms)
    done = approve(registry, "1", by="bob", reason="seen", terms=terms)
    assert not done.waiting
    assert done.version.stage == CHAMPION
    assert open_cached(registry.cache).champion.label == "lead-1"
    request, promoted = registry.ledger.entries()[-2:]
    assert (request.kind, request.by) == ("requested", "ann")
    assert (promoted.kind, promoted.by, promoted.approves) == ("promoted", "bob", request.sequence)
    assert request.gates == promoted.gates
    assert registry.verify() is None
    with pytest.raises(Missing, match="promotion-requested"):
        approve(registry, "1", by="bob", reason="again", terms=terms)


def test_gates_refuse_at_the_request_and_again_at_the_approval(
    registry: Registry, sealed: Sealed, terms: Terms
) -> None:
    promote(registry, "2", CHAMPION, by="ann", reason="there is no champion yet", terms=terms)
    registry.transition("lead-1", CHAMPION, by="bob", reason="meanwhile")
    before = registry.ledger.entries()
    with pytest.raises(GateRefusal, match="ranks_like_champion"):
        approve(registry, "2", by="bob", reason="late", terms=terms)
    registry.register(sealed(WORSE), run_id=None, by="ann")
    with pytest.raises(GateRefusal, match="ranks_like_champion"):
        promote(registry, "3", CHAMPION, by="ann", reason="hope", terms=terms)
    assert registry.ledger.entries()[: len(before)] == before
    asked = promote(
        registry, "3", CHAMPION, by="ann", reason="it leaks", override=True, terms=terms
    )
    assert asked.override
    assert asked.waiting
    assert approve(registry, "3", by="bob", reason="true", terms=terms).override
    assert registry.ledger.entries()[-1].override


def test_what_was_not_asked_for_cannot_be_approved(registry: Registry, terms: Terms) -> None:
    with pytest.raises(Missing, match="promotion-requested"):
        approve(registry, "1", by="bob", reason="eager", terms=terms)
    asked = promote(registry, "1", Stage.CHALLENGER, by="ann", reason="try", terms=terms)
    assert not asked.waiting
    assert asked.version.stage == Stage.CHALLENGER
    promote(registry, "2", CHAMPION, by="ann", reason="ask", terms=terms)
    registry.transition("lead-2", Stage.ARCHIVED, by="bob", reason="no")
    with pytest.raises(Missing, match="promotion-requested"):
        approve(registry, "2", by="bob", reason="withdrawn", terms=terms)


def test_another_name_is_no_other_person(registry: Registry, terms: Terms) -> None:
    registry.ledger.credential = "os:ann"
    promote(registry, "1", CHAMPION, by="ann", reason="first", terms=terms)
    assert registry.ledger.entries()[-1].credential == "os:ann"
    with pytest.raises(Refused, match="same credential"):
        approve(registry, "1", by="bob", reason="me, by another name", terms=terms)
    registry.ledger.credential = "os:bob"
    approve(registry, "1", by="bob", reason="seen", terms=terms)
    last = registry.ledger.entries()[-1]
    assert (last.by, last.credential) == ("bob", "os:bob")
    assert registry.verify() is None


def test_a_shared_account_is_told_apart_by_who_logged_in(tmp_path: Path) -> None:
    login = tmp_path / "loginuid"
    login.write_text("1001")
    assert _logged_in(login, 0) == 1001
    login.write_text("4294967295")
    assert _logged_in(login, 7) == 7
    assert _logged_in(tmp_path / "absent", 7) == 7
    assert os_account().startswith("os:")
