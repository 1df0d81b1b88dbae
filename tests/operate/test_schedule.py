"""When a job is due: by its schedule, and by what became of its newest run."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import DAY, iso, parse_iso, to_us
from jobs.operate.rules import JobSchedule
from jobs.operate.run import Outcome, Run
from jobs.operate.schedule import LONGEST_BACKOFF, MINUTE, Due, check_cron, next_due

NOW = to_us(parse_iso("2026-11-29T10:07:31Z"))


def ran(outcome: Outcome, *, due: int = NOW, attempt: int = 1, failures: int = 0) -> Run:
    return Run(
        id=1,
        job="report",
        due_us=due,
        moment_us=due,
        attempt=attempt,
        failures=failures,
        fence=1,
        holder="a:1",
        started_us=due,
        ended_us=None if outcome == "running" else due + MINUTE,
        outcome=outcome,
    )


def due_of(schedule: JobSchedule, last: Run | None, moment: int = NOW) -> Due:
    found = next_due(schedule, last, moment)
    assert found is not None
    return found


def test_what_never_ran_is_due_at_once_and_what_runs_is_not() -> None:
    hourly = JobSchedule(every_minutes=60)
    assert due_of(hourly, None) == Due(due_us=NOW)
    assert next_due(hourly, ran("running"), NOW) is None


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (JobSchedule(every_minutes=5), "2026-11-29T10:10:00Z"),
        (JobSchedule(every_minutes=60), "2026-11-29T11:00:00Z"),
        (JobSchedule(every_minutes=1440), "2026-11-30T00:00:00Z"),
        (JobSchedule(cron="30 3 * * *"), "2026-11-30T03:30:00Z"),
        (JobSchedule(cron="0 3 * * mon"), "2026-11-30T03:00:00Z"),
        (JobSchedule(cron="0 3 1 * *"), "2026-12-01T03:00:00Z"),
    ],
)
def test_the_next_moment_does_not_move_with_restarts(schedule: JobSchedule, expected: str) -> None:
    assert iso(due_of(schedule, ran("done")).due_us) == expected


def test_missed_moments_count_once() -> None:
    hourly, month_ago = JobSchedule(every_minutes=60), NOW - 30 * DAY
    late = due_of(hourly, ran("done", due=month_ago))
    assert late.due_us < NOW, "it was missed, so it is due"
    begun_late = ran("done", due=late.due_us)
    after = due_of(hourly, msgspec.structs.replace(begun_late, moment_us=NOW))
    assert after.due_us > NOW, "and the others that were missed are not made up for"


def test_a_failure_is_tried_again_later_and_later_then_given_up() -> None:
    schedule = JobSchedule(every_minutes=1440, retries=2, backoff_minutes=10)
    first = due_of(schedule, ran("failed"))
    assert (first.due_us, first.attempt, first.failures) == (NOW, 2, 1)
    assert first.wait_until_us == NOW + MINUTE + 10 * MINUTE
    assert not first.reached(NOW, first.wait_until_us - 1)
    second = due_of(schedule, ran("timed_out", attempt=2, failures=1))
    assert second.wait_until_us == NOW + MINUTE + 20 * MINUTE
    assert (second.attempt, second.failures) == (3, 2)
    given_up = due_of(schedule, ran("failed", attempt=3, failures=2))
    assert (given_up.due_us > NOW, given_up.attempt) == (True, 1)


def test_what_was_broken_off_is_done_again_however_often() -> None:
    schedule = JobSchedule(every_minutes=1440, retries=0, backoff_minutes=5)
    for attempt, wait in ((1, 0), (2, 0), (3, 20 * MINUTE), (60, LONGEST_BACKOFF)):
        again = due_of(schedule, ran("interrupted", attempt=attempt))
        assert (again.due_us, again.attempt, again.failures) == (NOW, attempt + 1, 0)
        assert again.wait_until_us == NOW + MINUTE + wait


@given(
    st.sampled_from(["done", "idle", "held", "refused", "alarmed"]),
    st.integers(0, 2**50),
    st.floats(0.01, 100_000),
)
def test_what_is_settled_is_never_due_for_the_same_moment_again(
    outcome: Outcome, due: int, minutes: float
) -> None:
    schedule = JobSchedule(every_minutes=minutes)
    found = due_of(schedule, ran(outcome, due=due), due)
    assert due < found.due_us <= due + minutes * MINUTE + 1
    assert (found.attempt, found.failures, found.wait_until_us) == (1, 0, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("* * *", "Wrong number of fields"),
        ("61 * * * *", "higher than the maximum"),
        ("0 3 * * 0", "name the days of the week"),
        ("0 3 * * 1-5", "name the days of the week"),
        ("0 0 31 2 *", "never due"),
        ("a * * * *", "cron 'a * * * *'"),
    ],
)
def test_an_expression_that_cannot_be_meant_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        check_cron(text)
