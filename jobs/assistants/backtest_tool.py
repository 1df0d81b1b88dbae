"""The tool that replays recorded decisions under another policy."""

from typing import TYPE_CHECKING

from config.settings import Settings
from jobs.assistants.answers import BacktestMove, BacktestQueue, PolicyBacktest, ValueByMethod
from jobs.assistants.masking import Masking
from jobs.decisions.newest_decisions import since_of_newest
from wiring.decisions import open_trail

if TYPE_CHECKING:
    from monitoring.backtest.backtest import Backtest

MOST_LISTED = 50


def policy_backtest(
    settings: Settings, masking: Masking, candidate: str, against: str, newest: int
) -> PolicyBacktest:
    """Replay the newest decisions, and tell what changes. Raises BadInput, Missing.

    Policies are labels, or names of those that come along; `against` may be `decided`.
    """
    from jobs.decisions.backtest import BacktestRequest, backtest

    since_us = since_of_newest(open_trail(settings), newest)
    return _summary(
        backtest(settings, BacktestRequest(now=candidate, was=against, since_us=since_us)), masking
    )


def _summary(result: "Backtest", masking: Masking) -> PolicyBacktest:
    value = result.value
    return PolicyBacktest(
        was=result.was,
        now=result.now,
        since=result.since,
        until=result.until,
        decisions=result.decisions,
        leads=result.leads,
        moved=result.moved,
        moved_leads=result.moved_leads,
        other_step=result.other_step,
        moves=tuple(
            BacktestMove(
                was=masking.text(str(one.was)),
                now=masking.text(str(one.now)),
                decisions=one.decisions,
                leads=one.leads,
                expected=one.expected,
            )
            for one in result.moves[:MOST_LISTED]
        ),
        queues=tuple(
            BacktestQueue(
                queue=masking.text(one.queue), was_a_day=one.was_a_day, now_a_day=one.now_a_day
            )
            for one in result.workloads[:MOST_LISTED]
        ),
        value_tells=value.tells,
        value_notes=tuple(masking.text(why) for why in value.why),
        value=tuple(
            ValueByMethod(method=one.method, was=one.was, now=one.now, difference=one.difference)
            for one in value.estimates
        ),
    )
