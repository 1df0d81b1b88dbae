"""The batch gate: each source and type of a batch against its rolling profile; warn or stop."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection

from domain.clock import DAY
from domain.errors import Refused
from domain.findings import MOST, QualityFindings
from signals.quality.profile import FieldProfile, Profile, merge, profile_of
from signals.quality.rules import BatchRules, Reaction
from signals.quality.sketch import Sketch, count_scale, share_scale
from signals.quality.statistics import BatchStatistics, FieldStatistics, Stats
from signals.quality.tables import load_profiles, save_profiles

GATE = "batch"


@dataclass(frozen=True, slots=True)
class BatchViolation:
    """A broken rule: what it does, and a sentence without values."""

    rule: str
    about: str
    reaction: Reaction
    detail: str


class BatchGate:
    """Judges batches and learns from them. Safe to use from many threads.

    `let_through`: what would stop a batch is counted, and the batch goes through.
    """

    def __init__(self, rules: BatchRules, *, let_through: bool = False) -> None:
        self._rules = rules
        self._let_through = let_through
        self._pool: Stats = {}
        self._lock = Lock()

    def admit(
        self,
        connection: Connection,
        stats: Stats,
        newest_us: int,
        findings: QualityFindings,
        *,
        whole: bool,
    ) -> None:
        """Judge a batch and learn from it, inside the transaction that is to commit it.

        `newest_us`: the newest moment that the batch knows of, 0 where all of it is refused.
        `whole`: it is all of a delivery, such as a file, so that its volume means something; parts
        of others are pooled until they are large enough. Raises Refused where a rule says stop:
        the caller rolls back, and nothing of the batch, its lesson included, is kept.
        """
        least = 1 if whole else self._rules.least_rows
        ripe = {
            a: statistics
            for a, statistics in self._pooled(stats).items()
            if statistics.received >= least
        }
        # the volume of what was pooled is no delivery's
        full = {
            a
            for a, statistics in ripe.items()
            if whole and statistics.received == stats[a].received
        }
        profiles = load_profiles(connection, ripe) if ripe else {}
        broken = [
            b
            for about, profile in profiles.items()
            for b in judge(about, ripe[about], profile, self._rules, whole=about in full)
        ]
        for b in broken:
            findings.add(GATE, b.rule, b.about)
        stops = [b for b in broken if b.reaction == "stop"]
        if stops and not self._let_through:
            raise _refusal(stops)
        # what is refused tells no moment: it counts as of the profile's
        at = {a: newest_us or profiles[a].at_us for a in ripe if newest_us or a in profiles}
        learnt = {a: profile_of(ripe[a], us, whole=a in full) for a, us in at.items()}
        self._learn(connection, profiles, learnt)
        self._keep(stats, ripe)

    def _pooled(self, stats: Stats) -> Stats:
        """The batch, each part together with the small ones of its kind before it."""
        together: Stats = {}
        with self._lock:
            for about, statistics in stats.items():
                both = together[about] = BatchStatistics()
                both.add(statistics)
                if about in self._pool:
                    both.add(self._pool[about])
        return together

    def _keep(self, stats: Stats, ripe: Stats) -> None:
        """Pool what was too small to be judged."""
        with self._lock:
            if len(self._pool) > MOST:
                self._pool.clear()
            for about, statistics in stats.items():
                if about in ripe:
                    self._pool.pop(about, None)
                else:
                    self._pool.setdefault(about, BatchStatistics()).add(statistics)

    def _learn(
        self, connection: Connection, stored: dict[str, Profile], learnt: dict[str, Profile]
    ) -> None:
        half_life, most = self._rules.half_life_days * DAY, self._rules.most_values
        both = {a: merge(p, learnt[a], half_life, most) for a, p in stored.items() if a in learnt}
        save_profiles(connection, learnt | both)


def judge(
    about: str, statistics: BatchStatistics, profile: Profile, rules: BatchRules, *, whole: bool
) -> Iterator[BatchViolation]:
    """The rules that a batch breaks; none while the profile is warming up."""
    if profile.batches < rules.warm_up_batches:
        return
    if whole:
        yield from _volume(about, statistics.received, profile.volume, rules)
    refused = statistics.refused, statistics.received
    yield from _share("refused-share", rules.refused_share, about, refused, profile.refused, rules)
    for name, field in statistics.fields.items():
        if (known := profile.fields.get(name)) is not None:
            where, nulls = f"{about}/{name}", (field.nulls, statistics.rows)
            yield from _share("null-rate", rules.null_rate, where, nulls, known.nulls, rules)
            yield from _unseen(where, field, known, rules)


def _volume(
    about: str, received: int, usual: Sketch, rules: BatchRules
) -> Iterator[BatchViolation]:
    if not usual.bins or rules.volume == "off":
        return
    figure, middle = count_scale(received), usual.median()
    factor = math.exp(abs(figure - middle))
    if usual.score(figure, 1.0 / max(received, 1)) > rules.cut and factor >= rules.least_factor:
        word = "more" if figure > middle else "less"
        detail = f"{received} rows, {factor:.1f} times {word} than usual"
        yield BatchViolation("volume", about, rules.volume, detail)


def _unseen(
    about: str, statistics: FieldStatistics, known: FieldProfile, rules: BatchRules
) -> Iterator[BatchViolation]:
    filled = sum(statistics.values.values())
    if not filled or not known.values or known.open or rules.unseen_values == "off":
        return
    share, usual = known.unseen(statistics) / filled, known.usual_unseen()
    if usual > rules.most_new:
        return
    far = (share_scale(share) - share_scale(usual)) / math.sqrt(0.25 / filled)
    if far > rules.cut and share - usual >= rules.least_change:
        detail = f"{share:.1%} of {filled} values were never seen, {usual:.1%} is usual"
        yield BatchViolation("unseen-values", about, rules.unseen_values, detail)


def _share(
    rule: str,
    reaction: Reaction,
    about: str,
    counted: tuple[int, int],
    usual: Sketch,
    rules: BatchRules,
) -> Iterator[BatchViolation]:
    k, n = counted
    if not usual.bins or not n or reaction == "off":
        return
    share, middle = k / n, usual.median_share()
    far = usual.score(share_scale(share), 0.25 / n)
    if far > rules.cut and abs(share - middle) >= rules.least_change:
        yield BatchViolation(
            rule, about, reaction, f"{share:.1%} of {n} rows, {middle:.1%} is usual"
        )


def _refusal(stops: list[BatchViolation]) -> Refused:
    first = stops[0]
    more = f"; {len(stops) - 1} more" if len(stops) > 1 else ""
    return Refused(
        f"the batch is refused as a whole: {first.detail}{more}",
        rule=first.rule,
        where=first.about,
        todo=(
            "Mend the source and send the batch again. If it is right as it is, let it through "
            "(`leadscore ingest --let-through`), set the rule to warn in the home's quality.yaml, "
            "or forget the profile (`leadscore quality forget SOURCE/TYPE`)."
        ),
    )
