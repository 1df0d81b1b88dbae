"""How often a verdict is wrong, and how soon it is right: `python -m tests.rehearsal.verdicts`.

Each run is a rollout that is looked at after every batch. Prints Markdown tables; `--long` takes
the long form. Numbers come from the product's own rule and functions.
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.measurement import Interval
from measures.confidence_sequences import confidence_sequence
from measures.e_processes import betting_e_process
from monitoring.canary_rule import CanaryRule, load_rule
from monitoring.verdict import Loss, Verdict
from tests.conftest import ROOT
from tests.rehearsal.delays import A_DAY, DAYS, DELAYS, rollout, told_apart
from tests.rehearsal.policies import ACCOUNTS, EVERY_DAYS, LAST_DAY, policies
from tests.rehearsal.rollout_worlds import Challenger, Pair, World, draw

PAGE = ROOT / "docs" / "verdicts.md"
BEGIN, END = "<!-- verdicts -->", "<!-- end -->"
SHORT, LONG = 500, 10_000
LEADS, BATCH = 6_000, 20
POWER_RUNS = {False: 100, True: 1_000}
DELAY_RUNS = {False: 200, True: 1_000}
POLICY_RUNS = {False: 50, True: 500}
MOST_LEADS = 40_000
Z_SIDE, Z_POWER = 1.959964, 0.841621

WORLDS = (
    World("independent leads"),
    World("leads correlated within accounts", together=1.0, size=5),
    World("2% convert", middle=-4.6),
    World("2% convert, correlated", middle=-4.6, together=1.0, size=5),
)
PLAN = ((0.01, 0.15), (0.05, 0.25), (0.2, 0.3), (0.5, 0.3))
"""Weights of a rollout's steps, and the share of its decisions that each takes."""


@dataclass(frozen=True)
class Run:
    """The verdict at each look, and whether a fixed 95% interval excludes 0 there."""

    looks: NDArray[np.int64]
    verdicts: tuple[Verdict, ...]
    fixed: NDArray[np.bool_]

    def first(self, *wanted: Verdict) -> int | None:
        """After how many leads one of these is said first."""
        return next(
            (int(n) for n, v in zip(self.looks, self.verdicts, strict=True) if v in wanted), None
        )

    @property
    def ends(self) -> tuple[int, Verdict] | None:
        """The first verdict that decides, and after how many leads."""
        for n, verdict in zip(self.looks, self.verdicts, strict=True):
            if verdict != "undecided":
                return int(n), verdict
        return None


def judge(pair: Pair, world: World, rule: CanaryRule, batch: int = BATCH) -> Run:
    """Look after every `batch` of decisions, as `monitoring.canary` does."""
    n = len(pair.y)
    looks = np.arange(batch, n + 1, batch)
    found = confidence_sequence(
        pair.difference,
        pair.account,
        level=rule.level,
        best_at=rule.best_at,
        fewest=rule.min_accounts,
        looks=looks,
    )
    positives = np.cumsum(pair.y)[looks - 1]
    enough = (looks >= rule.min_matured) & (positives >= rule.min_positives)
    margin = margin_of(world, rule)
    verdicts = tuple(
        _verdict(v, low, high, margin) if ripe else "undecided"
        for v, low, high, ripe in zip(found.value, found.low, found.high, enough, strict=True)
    )
    return Run(looks, verdicts, _fixed(pair.difference, looks) & enough)


def margin_of(world: World, rule: CanaryRule) -> float:
    """The margin of the world's champion, by what a large test would have said of it."""
    return rule.brier_margin(world.rate, world.brier(Challenger("").champion_keen))


def _verdict(value: float, low: float, high: float, margin: float) -> Verdict:
    interval = Interval(value=float(value), low=float(low), high=float(high))
    return Loss(name="Brier score", difference=interval, margin=margin).verdict


def _fixed(values: NDArray[np.float64], looks: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Whether the usual 95% interval of the mean excludes 0, at each look."""
    mean = np.cumsum(values)[looks - 1] / looks
    spread = np.cumsum(values**2)[looks - 1] / looks - mean**2
    return np.abs(mean) > Z_SIDE * np.sqrt(spread / looks)


def certificate(pair: Pair, world: World, rule: CanaryRule) -> bool:
    """Whether the certificate ever proves that the challenger is no worse; leads as accounts."""
    margin = margin_of(world, rule)
    most = rule.certificate.most
    values = (pair.difference - margin) / most
    found = betting_e_process(
        values, null=0.0, lower=-1 - margin, upper=1, alternative="below", alpha=rule.alpha
    )
    return bool(found.max() >= np.log(1 / rule.alpha))


def false_verdicts(runs: int, rule: CanaryRule) -> Iterator[str]:
    """Equal versions, and ones worse by exactly the margin."""
    yield _row(
        "world",
        "equal: ever called worse or better",
        "a fixed 95% interval, same runs",
        "worse by the margin: ever passed",
        "its certificate ever proves it",
    )
    yield "|---|---|---|---|---|"
    for world in WORLDS:
        equal = [
            judge(draw(world, Challenger("equal"), LEADS, s), world, rule) for s in range(runs)
        ]
        wrong = np.mean([r.first("worse", "better") is not None for r in equal])
        fixed = np.mean([r.fixed.any() for r in equal])
        worse = Challenger("worse by the margin", worse_by=margin_of(world, rule))
        pairs = (draw(world, worse, LEADS, 10**6 + s) for s in range(runs))
        passed, proved = [], []
        for pair in pairs:
            passed.append(judge(pair, world, rule).first("better", "no_worse") is not None)
            if world.size == 1:
                proved.append(certificate(pair, world, rule))
        told = f"{np.mean(proved):.1%}" if proved else "–"
        yield _row(world.name, f"{wrong:.1%}", f"{fixed:.1%}", f"{np.mean(passed):.1%}", told)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def powers(runs: int, rule: CanaryRule) -> Iterator[str]:
    """What is found, after how many leads, beside a test of fixed size planned for it."""
    yield _row(
        "challenger",
        "verdict asked for",
        "found",
        "median leads",
        "a fixed-size test",
        "ratio",
        "of the rollout's decisions",
    )
    yield "|---|---|---|---|---|---|---|"
    world = WORLDS[0]
    for challenger, wanted in CHALLENGERS:
        ends = [_end(world, challenger, seed, rule) for seed in range(runs)]
        right = [n for n, verdict in ends if verdict in wanted]
        found, median = len(right) / runs, float(np.median(right)) if right else np.nan
        size = fixed_size(world, challenger)
        traffic = traffic_of(median) if "worse" in wanted else np.nan
        yield _row(
            challenger.name,
            " or ".join(w.replace("_", " ") for w in wanted),
            f"{found:.1%}",
            f"{median:,.0f}",
            f"{size:,.0f}",
            f"{median / size:.2f}",
            f"{traffic:.2%}" if np.isfinite(traffic) else "–",
        )


CHALLENGERS: tuple[tuple[Challenger, tuple[Verdict, ...]], ...] = (
    (Challenger("worse by 0.01 Brier", worse_by=0.01), ("worse",)),
    (Challenger("better by 0.01 Brier", worse_by=-0.01), ("better", "no_worse")),
    (Challenger("constant", broken="constant"), ("worse",)),
    (Challenger("shuffled", broken="shuffled"), ("worse",)),
    (Challenger("stale features of half the leads", broken="stale"), ("worse",)),
)


def delays(runs: int, rule: CanaryRule) -> Iterator[str]:
    """Equal versions, one of them better at what converts early."""
    yield _row(
        "conversions take",
        "horizon",
        "equal: ever told apart",
        "the same bounds, on outcomes as they come in",
    )
    yield "|---|---|---|---|"
    for delay in DELAYS:
        pairs = [told_apart(rollout(WORLDS[0], delay, seed), delay, rule) for seed in range(runs)]
        ours, naive = np.mean(pairs, axis=0)
        yield _row(delay.name, f"{delay.horizon} days", f"{ours:.1%}", f"{naive:.1%}")


def _end(world: World, challenger: Challenger, seed: int, rule: CanaryRule) -> tuple[int, Verdict]:
    """The first verdict that decides; what is not decided by `MOST_LEADS` is undecided."""
    leads = LEADS
    while leads <= MOST_LEADS:
        ended = judge(draw(world, challenger, leads, seed), world, rule).ends
        if ended is not None:
            return ended
        leads *= 2
    return MOST_LEADS, "undecided"


def fixed_size(world: World, challenger: Challenger) -> float:
    """Leads that a two-sided 5% test with 80% power needs, planned for the true difference."""
    values = draw(world, challenger, 200_000, 1).difference
    return float(((Z_SIDE + Z_POWER) * values.std() / values.mean()) ** 2)


def traffic_of(leads: float, planned: float = 10_000) -> float:
    """The share of a rollout's decisions that the challenger made when so many had matured."""
    decided, left = 0.0, leads
    for weight, share in PLAN:
        here = min(left, share * planned)
        decided += weight * here
        left -= here
    return decided / planned


def tables(*, long: bool) -> Iterator[str]:
    """All tables, as lines of Markdown."""
    rule = load_rule()
    runs = LONG if long else SHORT
    yield f"{runs:,} rollouts of {LEADS:,} leads a world, looked at after every {BATCH}."
    yield ""
    yield from false_verdicts(runs, rule)
    yield ""
    yield f"{POWER_RUNS[long]:,} rollouts a challenger."
    yield ""
    yield from powers(POWER_RUNS[long], rule)
    yield ""
    yield f"{DELAY_RUNS[long]:,} rollouts of {DAYS * A_DAY:,} leads a row, looked at daily."
    yield ""
    yield from delays(DELAY_RUNS[long], rule)
    yield ""
    yield (
        f"{POLICY_RUNS[long]:,} rollouts of policies over {ACCOUNTS:,} accounts a row, looked at "
        f"every {EVERY_DAYS} days for {LAST_DAY}."
    )
    yield ""
    yield from policies(POLICY_RUNS[long], rule)


def main(tell: Callable[[str], None]) -> None:
    """Print the tables; with `--write`, put them into the page too."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    lines = []
    for line in tables(long=options.long):
        tell(line)
        lines.append(line)
    if options.write:
        text = PAGE.read_text()
        before, rest = text.split(BEGIN, 1)
        after = rest.split(END, 1)[1]
        PAGE.write_text("\n".join([f"{before}{BEGIN}", "", *lines, "", f"{END}{after}"]))


if __name__ == "__main__":
    main(lambda line: print(line, flush=True))  # noqa: T201
