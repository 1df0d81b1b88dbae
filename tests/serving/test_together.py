"""Requests that wait together: each gets its own answer, and none waits for another's sake."""

import asyncio
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from serving.micro_batching import MicroBatcher
from serving.problems import Saturated

WAIT_S = 60.0


def together(
    work: Callable[[Sequence[int]], Sequence[int]], most: int = 4, wait_s: float = WAIT_S
) -> MicroBatcher[int, int]:
    return MicroBatcher(work, most=most, wait_s=wait_s)


def test_each_gets_its_own_in_batches_of_what_waited() -> None:
    batches: list[list[int]] = []

    def work(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        time.sleep(0.02)
        return [-one for one in items]

    async def main() -> list[int]:
        asked = together(work)
        return await asyncio.gather(*(asked.ask(n) for n in range(11)))

    assert asyncio.run(main()) == [-n for n in range(11)]
    assert batches == [[0], [1, 2, 3, 4], [5, 6, 7, 8], [9, 10]]


def test_batches_come_one_after_the_other() -> None:
    under_way, most = [0], [0]

    def work(items: Sequence[int]) -> list[int]:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.002)
        under_way[0] -= 1
        return list(items)

    async def main() -> list[int]:
        asked = together(work, most=1)
        return list(await asyncio.gather(*(asked.ask(n) for n in range(9))))

    assert asyncio.run(main()) == list(range(9))
    assert most == [1]


def test_closing_finishes_what_was_begun_and_ends_the_thread() -> None:
    done: list[int] = []
    begun = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        begun.set()
        time.sleep(0.05)
        done.extend(items)
        return list(items)

    async def main() -> int:
        asked = together(work)
        told = asyncio.ensure_future(asked.ask(1))
        await asyncio.to_thread(begun.wait, 5)
        await asyncio.to_thread(asked.close)
        assert done == [1]
        return await told

    before = threading.active_count()
    assert asyncio.run(main()) == 1
    assert threading.active_count() == before


def test_what_fails_fails_those_who_were_in_it_and_nobody_after() -> None:
    def work(items: Sequence[int]) -> list[int]:
        if 0 in items:
            raise RuntimeError("once")
        return list(items)

    async def main() -> list[int | BaseException]:
        asked = together(work)
        return await asyncio.gather(*(asked.ask(n) for n in range(3)), return_exceptions=True)

    first, *others = asyncio.run(main())
    assert isinstance(first, RuntimeError)
    assert others == [1, 2]


def test_who_went_away_is_not_worked_for() -> None:
    worked: list[int] = []
    go = threading.Event()

    def work(items: Sequence[int]) -> list[int]:
        go.wait(5)
        worked.extend(items)
        return list(items)

    async def main() -> int:
        asked = together(work)
        first, gone, last = (asyncio.ensure_future(asked.ask(n)) for n in range(3))
        await asyncio.sleep(0)
        gone.cancel()
        await asyncio.sleep(0)
        go.set()
        assert await first == 0
        return await last

    assert asyncio.run(main()) == 2
    assert worked == [0, 2]


def test_more_work_than_may_wait_is_refused_and_soon_taken_again() -> None:
    def work(items: Sequence[int]) -> list[int]:
        time.sleep(0.05 * len(items))
        return list(items)

    async def main() -> tuple[list[int | BaseException], int]:
        asked = together(work, most=1, wait_s=0.01)
        for _ in range(3):
            await asked.ask(0)  # how long one takes is learnt
        told = await asyncio.gather(*(asked.ask(n) for n in range(20)), return_exceptions=True)
        return told, await asked.ask(99)

    told, after = asyncio.run(main())
    refused = [one for one in told if isinstance(one, Saturated)]
    assert 15 <= len(refused) < 20
    assert refused[0].rule == "saturated"
    assert after == 99


def test_nobody_waits_for_the_sum_of_work_that_hangs() -> None:
    def work(items: Sequence[int]) -> list[int]:
        time.sleep(0.2)
        return list(items)

    async def main() -> tuple[list[int | BaseException], float]:
        asked = together(work, most=1, wait_s=0.1)
        began = time.monotonic()
        every = await asyncio.gather(*(asked.ask(n) for n in range(40)), return_exceptions=True)
        return every, time.monotonic() - began

    every, took = asyncio.run(main())
    assert [one for one in every if not isinstance(one, Saturated)] in ([0], [0, 1], [0, 1, 2])
    assert took < 4.0  # the sum of it is 8 s


def test_what_took_long_before_a_quiet_time_refuses_nobody_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("serving.micro_batching.QUIET_S", 0.05)
    slow = [0.3]

    def work(items: Sequence[int]) -> list[int]:
        time.sleep(slow[0])
        return list(items)

    async def main() -> list[int | BaseException]:
        asked = together(work, most=1, wait_s=0.5)
        await asked.ask(0)
        slow[0] = 0.0
        await asyncio.sleep(0.1)
        return await asyncio.gather(*(asked.ask(n) for n in range(20)), return_exceptions=True)

    assert asyncio.run(main()) == list(range(20))


def test_a_lone_request_waits_for_nobody() -> None:
    async def main() -> list[float]:
        asked, took = together(list), []
        for _ in range(50):
            began = time.perf_counter()
            await asked.ask(1)
            took.append(time.perf_counter() - began)
        return took

    assert min(asyncio.run(main())) < 0.02, "the quickest: a busy machine makes any one slow"


def test_an_error_before_work_is_the_caller_s() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        together(list).ask(0).send(None)
