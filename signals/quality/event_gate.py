"""The event gate: clock skew, future times, values that cannot be, each a named rule."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

import msgspec

from domain.clock import DAY, SECOND, iso, to_us
from domain.errors import BadSignal
from domain.findings import QualityFindings
from domain.signals import Signal
from signals.quality.rules import EventRules, Severity, ValueRule

GATE = "event"
EventViolation = tuple[str, Severity, str]
"""A broken rule, what it does, and a detail that holds no value."""


class Impossible(BadSignal):
    """A signal that the event gate rejects, and has counted."""


class EventGate:
    """Checks signals that keep their contract. Safe to use from many threads.

    The sound ones, nearly all, pay for a few comparisons and one msgspec conversion; what fails
    there is looked at again, rule by rule.
    """

    def __init__(self, rules: EventRules) -> None:
        self._rules = rules
        since = [rules.since, *rules.since_of.values()]
        self._since = max(map(to_us, since))
        self._ahead = int(min(rules.ahead_s, rules.future_s) * SECOND)
        self._behind = -int(rules.behind_s * SECOND)
        self._late = int(rules.late_days * DAY)
        self._shapes: dict[str, tuple[frozenset[str], type[msgspec.Struct]]] = {}

    def check(
        self,
        signal: Signal,
        happened_us: int,
        recorded_us: int | None,
        now_us: int,
        findings: QualityFindings,
    ) -> None:
        """Count what is odd; raise Impossible for what is to be rejected.

        `recorded_us` is its `recordedtime` as told, None where it has none.
        """
        lag = 0 if recorded_us is None else recorded_us - happened_us
        if (
            happened_us < self._since
            or happened_us + (lag if lag > 0 else 0) > now_us + self._ahead
            or not self._behind <= lag <= self._late
        ):
            self._react(signal, self._times(signal.source, happened_us, lag, now_us), findings)
        try:
            fields, shape = self._shapes[signal.type]
        except KeyError:
            fields, shape = self._shapes[signal.type] = _shape(self._of(signal.type))
        if not fields.isdisjoint(signal.data):
            try:
                msgspec.convert(signal.data, shape)
            except msgspec.ValidationError:
                self._react(signal, self._values(signal), findings)

    def _react(
        self, signal: Signal, broken: Iterator[EventViolation], findings: QualityFindings
    ) -> None:
        """Count every broken rule; raise for the first that rejects."""
        worst: EventViolation | None = None
        for rule, severity, detail in broken:
            if severity == "off":
                continue
            findings.add(GATE, rule, f"{signal.source}/{signal.type}")
            if severity == "reject" and worst is None:
                worst = rule, severity, detail
        if worst is not None:
            raise Impossible(worst[2], rule=worst[0])

    def _times(self, source: str, happened: int, lag: int, now: int) -> Iterator[EventViolation]:
        r, known = self._rules, happened + max(lag, 0)
        since = to_us(r.since_of.get(source, r.since))
        if happened < since:
            detail = f"time lies before {iso(since)}, when its source began"
            yield "before-source", r.times.before_source, detail
        if known > now + r.future_s * SECOND:
            detail = f"time is more than {r.future_s:g} s in the future"
            yield "future-time", r.times.future_time, detail
        elif known > now + r.ahead_s * SECOND:
            detail = f"the source's clock is more than {r.ahead_s:g} s ahead"
            yield "clock-ahead", r.times.clock_ahead, detail
        if lag < self._behind:
            detail = f"recordedtime lies more than {r.behind_s:g} s before time"
            yield "clock-behind", r.times.clock_behind, detail
        if lag > self._late:
            detail = f"recordedtime lies more than {r.late_days:g} days after time"
            yield "very-late", r.times.very_late, detail

    def _values(self, signal: Signal) -> Iterator[EventViolation]:
        for rule in self._of(signal.type):
            if rule.broken_by(signal.data):
                detail = f"{signal.type}: {rule.field} holds what cannot be"
                yield rule.rule, rule.severity, detail

    def _of(self, name: str) -> list[ValueRule]:
        named = (r for r in self._rules.values if r.severity != "off")
        return [r for r in named if not r.types or name in r.types]


def _shape(rules: list[ValueRule]) -> tuple[frozenset[str], type[msgspec.Struct]]:
    """The fields of rules, and a struct that data with any of them converts to.

    It does not where the data break a rule, or hold an unexpected kind.
    """
    names = dict.fromkeys(r.field for r in rules)
    fields = [(name, _kind([r for r in rules if r.field == name]), None) for name in names]
    pairs = [(r.field, r.not_above) for r in rules if r.not_above]
    others = {other for _, other in pairs} - names.keys()
    fields += [(name, Any, None) for name in sorted(others)]
    words = {
        name: words_of_field
        for name in names
        if (
            words_of_field := frozenset(
                w.lower() for r in rules if r.field == name for w in r.none_of
            )
        )
    }
    namespace = {"__post_init__": _compare(pairs, words)} if pairs or words else None
    shape = msgspec.defstruct("Values", fields, kw_only=True, namespace=namespace)
    return frozenset(names), shape


def _kind(rules: list[ValueRule]) -> Any:
    least = max((r.least for r in rules if r.least is not None), default=None)
    most = min((r.most for r in rules if r.most is not None), default=None)
    bounded = least is not None or most is not None
    number = Annotated[float, msgspec.Meta(ge=least, le=most)] if bounded else float
    return number | str | None


def _compare(
    pairs: list[tuple[str, str]], words: dict[str, frozenset[str]]
) -> Callable[[Any], None]:
    def compare(self: Any) -> None:
        for field, nothing in words.items():
            value = getattr(self, field)
            if isinstance(value, str) and value.strip().lower() in nothing:
                raise ValueError
        for field, other in pairs:
            value, ceiling = getattr(self, field), getattr(self, other)
            if isinstance(value, float) and isinstance(ceiling, int | float) and value > ceiling:
                raise ValueError

    return compare
