"""At which moments each lead could have been scored, and what became of it after."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from domain.clock import DAY, to_us
from domain.errors import BadConfiguration, Missing
from domain.journeys import FOREVER, Journeys, LeadSpan
from training.config import After, Every, TrainingConfig

_Candidate = tuple[LeadSpan, int, int | None]
"""A lead id, a moment, and the anchor that the moment comes after, if the rule has one."""


@dataclass(frozen=True, slots=True)
class Cutoff:
    """A lead at a moment, under the id and account it had then, and its label."""

    lead_id: str
    account_id: str
    final_id: str
    moment_us: int
    label: int


@dataclass(frozen=True, slots=True)
class Chosen:
    """Cutoffs in the order of time, and how many each rule removed."""

    cutoffs: list[Cutoff]
    removed: dict[str, int]


def choose(journeys: Journeys, config: TrainingConfig, closing: frozenset[str]) -> Chosen:
    """The cutoffs of a run. `closing` are the outcomes after which a lead is scored no more.

    Left out and counted: `anonymous` leads, leads already `decided`, and cutoffs `censored`
    because their horizon had not passed at the watermark. `outcome_before_anchor` is bad
    data, such as a deal won before the first contact.
    """
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
        else:
            label = labels.label(span.final, moment)
            kept.append(Cutoff(span.lead_id, span.account_at(moment), span.final, moment, label))
    if not kept:
        raise Missing(
            f"no cutoff is left (removed: {dict(removed) or 'none was found'})",
            rule="cutoffs-left",
            todo="Ingest more history, or change `cutoffs`, `from` or `horizon_days`.",
        )
    return Chosen(sorted(kept, key=lambda c: (c.moment_us, c.lead_id)), dict(removed))


def _candidates(journeys: Journeys, config: TrainingConfig) -> Iterator[_Candidate]:
    match config.cutoffs:
        case Every() as rule:
            return _every(journeys, config, rule)
        case After() as rule:
            return _after(journeys, config, rule)


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


def _after(journeys: Journeys, config: TrainingConfig, rule: After) -> Iterator[_Candidate]:
    """So long after the first anchor of a lead, under the id that it had by then."""
    delay = int(rule.delay_hours * 3600 * 1_000_000)
    earliest = 0 if config.begin is None else to_us(config.begin)
    seen: set[str] = set()
    for anchor in sorted(journeys.anchors, key=lambda a: (a.known_us, a.lead_id)):
        span, moment = journeys.spans[anchor.lead_id], anchor.known_us + delay
        while span.ended_us <= moment:
            span = journeys.spans[span.into]
        if span.final not in seen and anchor.known_us >= earliest:
            yield span, moment, anchor.known_us
        seen.add(span.final)


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
