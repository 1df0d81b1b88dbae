"""Drift alarms, rehearsed: daily looks at markets where nothing, a season, or a fault is.

    python -m tests.rehearsal.alarms [--long] [--only NAME] [--write]

prints a Markdown table: in how many markets something alarmed within the looks, how many were
named rightly, and the days from the planted change to the alarm. `--write` puts it into the page.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from monitoring.causes.cause import Cause
from monitoring.causes.concept import Matured, segments
from monitoring.causes.diagnosis import Diagnosis, Evidence, Known, diagnose
from monitoring.causes.moves import Reference
from monitoring.causes.season import same_season
from monitoring.tidy import tidied
from tests.conftest import ROOT
from tests.rehearsal.markets import (
    BEFORE,
    HORIZON,
    LEARNT,
    LOOKS,
    PLANS,
    TEXTS,
    TOLD,
    Market,
    Plan,
    contributions,
)

CUTOFFS = range(-85, -20, 10)
"""Days at which the reference's leads were open."""

YEAR_CUTOFFS = range(-BEFORE + 60, -250, 15)
SHORT, LONG = (4, 2), (67, 50)
"""Markets of each plan where nothing may alarm, and of each fault."""

FIRST_SEED = 10_000
"""Limits were chosen on markets of lower seeds."""

PAGE = ROOT / "docs" / "verdicts.md"
BEGIN, END = "<!-- alarms -->", "<!-- end of alarms -->"


@dataclass(frozen=True, slots=True)
class Alarm:
    """The first day of looks on which something was to be done, and what."""

    day: int
    causes: tuple[Cause, ...]


class Watch:
    """A version that was made in a market, and is looked at every day."""

    def __init__(self, market: Market) -> None:
        self.market = market
        self.known_days = {*CUTOFFS, *(YEAR_CUTOFFS if market.plan.year else ())}
        kept = [self._cutoff() for _ in range(-BEFORE, -1) if self._step() in self.known_days]
        rows = pd.concat(kept, ignore_index=True)
        lately = rows["day"] >= CUTOFFS[0]
        self.reference = _reference(rows[lately])
        self.earlier = rows[~lately]
        parts = np.abs(contributions(market.leads | self._open_rate())).mean(axis=0)
        self.importance = dict(zip(LEARNT, (parts / parts.sum()).tolist(), strict=True))
        self.segments = segments(rows[lately], "score", ["industry", "country"])
        self.texts = {name: frozenset(rows.loc[lately, name]) for name in TEXTS}
        self.season: tuple[int, Reference | None] = (-1, None)

    def look(self) -> Diagnosis:
        """Let a day go by, and look."""
        self.market.step()
        market = self.market
        frame = market.table()
        evidence = Evidence(
            current=frame,
            accounts=market.leads["company"],
            feeds={name: np.array(held[-80:]) for name, held in market.feeds.items()},
            matured=self._matured(),
        )
        known = Known(
            importance=self.importance,
            source_columns=TOLD,
            texts=self.texts,
            segments=self.segments,
            horizon_days=HORIZON,
            earlier=self._season(),
        )
        return diagnose(self.reference, evidence, known)

    def _step(self) -> int:
        self.market.step()
        return self.market.day

    def _cutoff(self) -> pd.DataFrame:
        held = self.market.leads
        return self.market.table().assign(company=held["company"], day=self.market.day)

    def _open_rate(self) -> dict[str, np.ndarray]:
        held = self.market.leads
        return {"open_rate_30d": (held["opens"] + 0.5) / (held["sent"] + 2)}

    def _season(self) -> Reference | None:
        """The rows of this week's season a year ago."""
        week = self.market.day // 7
        if self.season[0] != week:
            chosen = same_season(self.earlier["day"].to_numpy(), self.market.day)
            rows = self.earlier[chosen]
            self.season = week, _reference(rows) if len(rows) else None
        return self.season[1]

    def _matured(self) -> Matured | None:
        decided = [
            one for one in self.market.decided if one["day"].iloc[0] + HORIZON <= self.market.day
        ]
        if not decided:
            return None
        rows = pd.concat(decided, ignore_index=True)
        return Matured(
            days=rows["day"].to_numpy(),
            leads=rows["lead"].to_numpy(),
            accounts=rows["company"].to_numpy(),
            score=rows["score"].to_numpy(),
            label=rows["label"].to_numpy(dtype=np.float64),
            texts={name: rows[name].to_numpy() for name in ("industry", "country")},
        )


def _reference(rows: pd.DataFrame) -> Reference:
    names = [name for name in rows.columns if name not in ("company", "day")]
    return Reference(tidied(rows.reset_index(drop=True), names), rows["company"].to_numpy())


def first_alarm(plan: Plan, seed: int, looks: int = LOOKS) -> tuple[Market, Alarm | None]:
    """The first alarm in a market within its looks."""
    watch = Watch(Market(plan, seed))
    for _ in range(looks):
        causes = tuple(cause for cause in watch.look().causes if cause.actionable)
        if causes:
            return watch.market, Alarm(watch.market.day, causes)
    return watch.market, None


@dataclass(frozen=True, slots=True)
class Tally:
    """What came of the markets of a plan."""

    plan: Plan
    markets: int
    alarmed: int
    right: int
    delays: tuple[int, ...]
    names: Counter[str]


def tally(plan: Plan, markets: int) -> Tally:
    """Look at so many markets of a plan."""
    alarmed = right = 0
    delays, names = [], Counter[str]()
    for seed in range(FIRST_SEED, FIRST_SEED + markets):
        market, alarm = first_alarm(plan, seed)
        if alarm is None:
            continue
        alarmed += 1
        names.update({f"{cause.kind}" for cause in alarm.causes})
        kinds = {cause.kind for cause in alarm.causes}
        if kinds <= {*plan.found_as} and alarm.day >= market.start:
            right += 1
            delays.append(alarm.day - market.start)
    return Tally(plan, markets, alarmed, right, tuple(delays), names)


def lines(tallies: Sequence[Tally]) -> Iterator[str]:
    """The Markdown table."""
    yield "| market | markets | alarmed | named rightly | days to it: median, 9 of 10 | named |"
    yield "|---|---|---|---|---|---|"
    for t in tallies:
        days = (
            "" if not t.delays else f"{np.median(t.delays):.0f} ({np.quantile(t.delays, 0.9):.0f})"
        )
        named = ", ".join(f"{name} {count}" for name, count in t.names.most_common())
        right = f"{t.right / t.markets:.1%}" if t.plan.found_as else "none should"
        yield (
            f"| {t.plan.name} | {t.markets} | {t.alarmed / t.markets:.1%} | {right} | {days} "
            f"| {named} |"
        )


def main() -> None:
    """Run, print, and with `--write` put the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--markets", type=int)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    sizes = LONG if options.long else SHORT
    tallies = []
    for plan in PLANS:
        if options.only in plan.name:
            tallies.append(tally(plan, options.markets or sizes[bool(plan.found_as)]))
            sys.stderr.write("\n".join([*lines(tallies[-1:])][2:]) + "\n")
    text = "\n".join(lines(tallies)) + "\n"
    sys.stdout.write(text)
    if options.write:
        page = PAGE.read_text()
        before, rest = page.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
