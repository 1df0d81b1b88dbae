"""The breaker: closed, open, half open, whatever order calls end in."""

from threading import Barrier, Thread

from hypothesis import given
from hypothesis import strategies as st

from domain.circuit_breaker import CircuitBreaker


class Seconds:
    """A monotonic clock that is moved."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_opens_after_failures_in_a_row_and_lets_one_try() -> None:
    seconds, told = Seconds(), list[int]()
    breaker = CircuitBreaker(seconds, on_change=told.append, failures=3, open_s=1.0)
    for _ in range(2):
        breaker.failed()
    breaker.worked()
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    assert not breaker.allows()
    seconds.now = 1.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed()
    assert not breaker.allows()
    seconds.now = 2.0
    assert breaker.allows()
    breaker.worked()
    assert all(breaker.allows() for _ in range(3))
    assert told == [1, 0]


def test_a_try_that_never_tells_is_not_waited_for_for_ever() -> None:
    seconds = Seconds()
    breaker = CircuitBreaker(seconds, failures=1, open_s=1.0)
    breaker.failed()
    for at in (1.0, 2.0, 3.0):
        seconds.now = at
        assert breaker.allows()
        assert not breaker.allows()


@given(st.lists(st.sampled_from(["worked", "failed", "later", "asks"]), max_size=60))
def test_it_is_open_only_after_enough_failures_since_it_last_worked(steps: list[str]) -> None:
    seconds, failures, told = Seconds(), 0, list[int]()
    breaker = CircuitBreaker(seconds, on_change=told.append, failures=3, open_s=1.0)
    for step in steps:
        match step:
            case "worked":
                breaker.worked()
                failures = 0
            case "failed":
                breaker.failed()
                failures += 1
            case "later":
                seconds.now += 0.4
            case _:
                assert breaker.allows() or failures >= 3
        assert breaker.is_open == (failures >= 3)
    assert told == [1, 0] * (len(told) // 2) + [1] * (len(told) % 2)


def test_of_many_threads_one_tries() -> None:
    seconds, let = Seconds(), list[bool]()
    breaker = CircuitBreaker(seconds, failures=1, open_s=1.0)
    breaker.failed()
    seconds.now, barrier = 1.0, Barrier(8)

    def ask() -> None:
        barrier.wait()
        let.append(breaker.allows())

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(let) == [False] * 7 + [True]
