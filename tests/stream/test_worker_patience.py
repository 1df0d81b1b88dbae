"""A worker that shall end once it is idle: how long it bears getting nowhere."""

import pytest

from domain.errors import Unavailable
from jobs.signals.worker_patience import Patience


def begun() -> Patience:
    patience = Patience(10.0)
    patience.begin(100.0)
    patience.look(100.0, 5, 0)
    return patience


def test_a_bus_that_says_nothing_is_given_up_after_the_limit() -> None:
    patience = begun()
    patience.look(109.9, None, 0)
    with pytest.raises(Unavailable, match="the bus has not answered for 10 s") as spent:
        patience.look(110.0, None, 0)
    assert (spent.value.rule, spent.value.exit_code) == ("bus-reachable", 3)


def test_messages_that_nobody_takes_are_given_up_though_more_come() -> None:
    patience = begun()
    patience.look(109.0, 6, 0)
    with pytest.raises(Unavailable, match="7 messages wait") as spent:
        patience.look(110.0, 7, 0)
    assert spent.value.rule == "worker-moves"


@pytest.mark.parametrize(("pending", "done"), [(4, 0), (5, 1), (None, 1)])
def test_what_moves_is_waited_for(pending: int | None, done: int) -> None:
    """Another worker takes messages, or this one commits, whatever the bus says."""
    patience = begun()
    patience.look(109.0, pending, done)
    patience.look(118.9, pending, done)
    with pytest.raises(Unavailable):
        patience.look(119.0, pending, done)


def test_it_does_not_end_before_it_begins() -> None:
    patience = Patience(10.0)
    patience.look(1e9, None, 0)
    patience.look(2e9, 5, 1)
