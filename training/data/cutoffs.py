"""At which moments each lead could have been scored, and what became of it after."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY, to_us
from domain.errors import BadConfiguration
from domain.identifiers import account_id
from domain.journeys import FOREVER, Journeys, LeadSpan
from training.config import After, Every, FirstContact, TrainingConfig
from training.data.no_cutoffs import no_cutoffs

HOUR = DAY // 24

_Candidate = tuple[LeadSpan, int, int | None]
"""A lead id, a moment, and the anchor that the moment comes after, if the rule has one."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A lead at a moment, under the id and account it had then, and its label.

    `eventual` is whether the outcome came at any time after the moment, as far as the log goes.
    """

    lead_id: str
    account_id: str
    final_id: str
    moment_us: int
    label: int
    eventual: int = 0


@dataclass(frozen=True, slots=True)
class ChosenCutoffs:
    """Cutoffs in the order of time, and how many each rule removed."""

    cutoffs: list[Cutoff]
    removed: dict[str, int]


def choose(journeys: Journeys, config: TrainingConfig, closing: frozenset[str]) -> ChosenCutoffs:
    """The cutoffs of a run. `closing` are the outcomes after which a lead is scored no more.

    Left out and counted: `anonymous` leads, leads already `decided`, and cutoffs `censored`
    because their horizon had not passed at the watermark. `outcome_before_anchor` is bad
    data, such as a deal won before the first contact; `account_excluded` are of accounts that the
    configuration leaves out.
    """
    apart = {account for text in config.exclude_accounts for account in _accounts_of(text)}
    horizon = int(config.horizon_days * DAY)
    labels = _Labels(journeys, config.outcome, closing, horizon)
    removed: Counter[str] = Counter()
    kept: list[Cutoff] = []
    for span, moment, anchor in _candidates(journeys, config):
        if config.identified_only and span.known_us > moment:
            removed["anonymous"] += 1
        elif moment + horizon > journeys.watermark_us:
            removed["censored"] += 1
        elif anchor is not None and labels.decided(span.final, anchor - 1):
            removed["outcome_before_anchor"] += 1
        elif labels.decided(span.final, moment):
            removed["decided"] += 1
        elif (account := span.account_at(moment)) in apart:
            removed["account_excluded"] += 1
        else:
            outcomes = labels.label(span.final, moment), labels.eventual(span.final, moment)
            kept.append(Cutoff(span.lead_id, account, span.final, moment, *outcomes))
    if not kept:
        first = min((s.born_us for s in journeys.spans.values()), default=journeys.watermark_us)
        raise no_cutoffs(removed, config.horizon_days, (journeys.watermark_us - first) / DAY)
    return ChosenCutoffs(sorted(kept, key=lambda c: (c.moment_us, c.lead_id)), dict(removed))


def _accounts_of(text: str) -> set[str]:
    """The account ids that a text can mean: itself, a CRM's id, a domain in any case."""
    name = text.strip()
    return {name, account_id(name), account_id(name.lower())}


def weights(cutoffs: Sequence[Cutoff]) -> NDArray[np.float64]:
    """The weight of each cutoff [n], 1 on average, so that no lead dominates by being old.

    The j-th cutoff of a lead weighs 1/j of its first: n of them weigh about 1 + ln n. Cutoffs
    ascend by time. One n-th for each of n would tell the outcome: a lead that is won soon has few.

    >>> one, other = (Cutoff(lead, "", lead, 0, 0) for lead in "ab")
    >>> weights([one, other, one]).tolist()
    [1.2, 1.2, 0.6]
    """
    counts: Counter[str] = Counter()
    shares = np.empty(len(cutoffs))
    for i, cutoff in enumerate(cutoffs):
        counts[cutoff.final_id] += 1
        shares[i] = 1.0 / counts[cutoff.final_id]
    return np.asarray(shares / shares.mean(), dtype=np.float64)


def companies(cutoffs: Sequence[Cutoff]) -> list[str]:
    """The company of each cutoff: a name shared by all that must not be parted.

    An account and all its leads are one; a lead that changed accounts joins them; a lead without
    an account is its own.
    """
    parent: dict[str, str] = {}

    def find(name: str) -> str:
        while parent.setdefault(name, name) != name:
            parent[name] = name = parent[parent[name]]
        return name

    for cutoff in cutoffs:
        lead = find("lead " + cutoff.final_id)
        if cutoff.account_id:
            account = find("account " + cutoff.account_id)
            parent[max(lead, account)] = min(lead, account)
    return [find("lead " + cutoff.final_id) for cutoff in cutoffs]


def _candidates(journeys: Journeys, config: TrainingConfig) -> Iterator[_Candidate]:
    match config.cutoffs:
        case Every() as rule:
            return _every(journeys, config, rule)
        case After() as rule:
            anchors = ((a.known_us, a.lead_id) for a in journeys.anchors)
            return _once(journeys, config, anchors, rule.delay_hours)
        case FirstContact() as rule:
            contacts = _contacts(journeys, config)
            return _once(journeys, config, contacts, rule.delay_hours)


def _every(journeys: Journeys, config: TrainingConfig, rule: Every) -> Iterator[_Candidate]:
    """Grid moments at which a lead id existed."""
    if not journeys.spans:
        return
    first = min(span.born_us for span in journeys.spans.values())
    start = first + int(config.horizon_days * DAY) if config.begin is None else to_us(config.begin)
    step = int(rule.days * DAY)
    for span in journeys.spans.values():
        skipped = max(0, -((start - span.born_us) // step))
        moment = start + skipped * step
        while moment < min(span.ended_us, journeys.watermark_us + 1):
            yield span, moment, None
            moment += step


def _contacts(journeys: Journeys, config: TrainingConfig) -> Iterator[tuple[int, str]]:
    """When each lead id was first heard of, or with `identified_only` first known.

    A lead that never was known is there by its birth, to be counted as anonymous.
    """
    spans = journeys.spans.items()
    known = {s.final for _, s in spans if config.identified_only and s.known_us < s.ended_us}
    for name, span in spans:
        if span.final not in known:
            yield span.born_us, name
        elif span.known_us < span.ended_us:
            yield span.known_us, name


def _once(
    journeys: Journeys,
    config: TrainingConfig,
    anchors: Iterable[tuple[int, str]],
    delay_hours: float,
) -> Iterator[_Candidate]:
    """So long after the first anchor of a lead, under the id that it had by then."""
    delay = int(delay_hours * HOUR)
    earliest = 0 if config.begin is None else to_us(config.begin)
    chosen: set[str] = set()
    for known_us, lead_id in sorted(anchors):
        span, moment = journeys.spans[lead_id], known_us + delay
        while span.ended_us <= moment:
            span = journeys.spans[span.into]
        if span.final not in chosen and known_us >= earliest:
            yield span, moment, known_us
        chosen.add(span.final)


class _Labels:
    """Outcomes by lead: when each became known, and when it happened."""

    def __init__(
        self, journeys: Journeys, outcome: str, closing: frozenset[str], horizon: int
    ) -> None:
        self._horizon = horizon
        self._happened: dict[str, list[int]] = defaultdict(list)
        self._decided: dict[str, int] = {}
        names = {o.name for o in journeys.outcomes}
        if outcome not in names:
            raise BadConfiguration(
                f"no lead has the outcome {outcome!r}",
                rule="outcome-known",
                todo=f"The outcomes in the log are {', '.join(sorted(names)) or 'none'}.",
            )
        for o in journeys.outcomes:
            if o.name == outcome:
                self._happened[o.lead_id].append(o.happened_us)
            if o.name in closing:
                self._decided[o.lead_id] = min(
                    self._decided.get(o.lead_id, FOREVER), o.known_us, o.happened_us
                )

    def decided(self, lead: str, moment: int) -> bool:
        """Whether a closing outcome had come by a moment."""
        return self._decided.get(lead, FOREVER) <= moment

    def label(self, lead: str, moment: int) -> int:
        """Whether the outcome came after the moment and within the horizon."""
        ends = moment + self._horizon
        return int(any(moment < at <= ends for at in self._happened.get(lead, ())))

    def eventual(self, lead: str, moment: int) -> int:
        """Whether the outcome came after the moment at all."""
        return int(any(moment < at for at in self._happened.get(lead, ())))
