"""How a process operates a home: until it is told to stop, or once."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from domain.clock import iso
from domain.errors import Unavailable
from jobs.operate.loop import Loop
from jobs.operate.run import Run
from wiring.outages import outages_told


@contextmanager
def signals_heard(loop: Loop) -> Iterator[None]:
    """SIGTERM and SIGINT stop the loop; what they did before, they do after."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: loop.stop()) for number in numbers]
    try:
        yield
    finally:
        for number, former in zip(numbers, before, strict=True):
            signal.signal(number, former)


def operate(loop: Loop) -> None:
    """Do what is due, when it is due, until told to stop; where another does so, wait."""
    with signals_heard(loop):
        waiting = False
        while not loop.stops:
            if loop.lease is None and not _turn(loop):
                if not waiting:
                    loop.tell(f"{_other(loop)}; this one waits for its turn")
                waiting = True
                loop.wait(loop.pause_s)
                continue
            waiting = False
            _pass(loop)
        _close(loop)


def _turn(loop: Loop) -> bool:
    try:
        return loop.take_turn()
    except Unavailable as bad:
        loop.tell(str(bad))
        return False


def _pass(loop: Loop) -> None:
    """One look at what is due, and a wait."""
    try:
        with outages_told():
            loop.begin_due()
    except Unavailable as bad:  # the moment of the home, or the runs, cannot be read
        loop.tell(str(bad))
    loop.wait(loop.pause_s)
    loop.end_overdue()
    loop.keep_turn()


def _close(loop: Loop) -> None:
    loop.drain()
    loop.leave()


def operate_once(loop: Loop, *, force: bool = False) -> list[Run]:
    """Do all that is due now, then end; the runs that ended. `force`: all jobs, due or not.

    What becomes due meanwhile is left for the next time: it ends however often jobs are due.
    A lease that a dead process holds is waited for. Raises Unavailable where a living one holds it.
    """
    with signals_heard(loop):
        _wait_for_turn(loop)
        moment_us = loop.moment()
        loop.moment = lambda: moment_us
        loop.forced = set(loop.rules.enabled) if force else set()
        while not loop.stops:
            loop.begin_due()
            if not loop.children:
                break
            loop.wait(loop.pause_s)
            loop.end_overdue()
            if not loop.keep_turn():
                raise Unavailable(_other(loop), rule="operate-lease")
        _close(loop)
    return loop.ended


def _wait_for_turn(loop: Loop) -> None:
    """Take the turn, or wait until the lease has run out or was seen to be renewed."""
    first = loop.store.lease()
    while not loop.stops and not loop.take_turn():
        current = loop.store.lease()
        if first is not None and current is not None and current != first:
            raise Unavailable(
                _other(loop),
                rule="operate-lease",
                todo="It does what is due; `leadscore operate status` shows what.",
            )
        loop.wait(loop.pause_s)


def _other(loop: Loop) -> str:
    current = loop.store.lease()
    if current is None:
        return "nobody holds the lease"
    return f"{current.holder} holds the lease until {iso(current.until_us)[:19]}Z"
