"""JSON lines from columns: one template a kind, filled from lists."""

from collections.abc import Callable, Iterable
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from simulation.delivery import Fault
from simulation.events import SimulatedEvents, apart, combined
from simulation.identifiers import identifiers_of
from simulation.vocabulary import SOURCES, TYPES, WORDS, SimulatedKind
from simulation.world import CONSENTS, COUNTRIES, INDUSTRIES, LEAD_SOURCES, SENIORITIES, World

_DIRECTIONS = ("outbound", "inbound")
_REQUIRED = {
    SimulatedKind.PAGE: "page",
    SimulatedKind.FORM: "form",
    SimulatedKind.FEATURE: "feature",
}


class Renderer:
    """Renders the events of the people of one world as lines; every id contains `tag`.

    It keeps the identifiers it has written, a few hundred bytes a person.
    """

    def __init__(self, world: World, tag: str) -> None:
        self._world = world
        self._tag = tag
        self._identifiers_of: dict[int, str] = {}

    def lines(self, events: SimulatedEvents, serials: list[int]) -> list[str]:
        """The JSON document of each event, the bad ones spoilt; a serial makes its id."""
        out = [""] * len(events)
        stamps, noted = _stamps(events["time"]), _stamps(events["recorded"])
        identifiers = self._identifiers(events)
        for kind in SimulatedKind:
            at = np.flatnonzero(events["kind"] == kind).tolist()
            source, name = SOURCES[kind], TYPES[kind]
            start, middle = (
                f'{{"id":"{source}-{self._tag}-',
                f'","source":"{source}","type":"{name}"',
            )
            for i, data in zip(at, self._data(kind, events[at]), strict=True):
                recorded = f',"recordedtime":"{noted[i]}Z"' if noted[i] else ""
                out[i] = (
                    f'{start}{serials[i]:08d}{middle},"time":"{stamps[i]}Z"{recorded}'
                    f',"identifiers":{{{identifiers[i]}}},"data":{{{data}}}}}'
                )
        for i in np.flatnonzero(events["fault"]).tolist():
            kind = SimulatedKind(int(events["kind"][i]))
            out[i] = _spoil(out[i], Fault(int(events["fault"][i])), kind)
        return out

    def _identifiers(self, events: SimulatedEvents) -> list[str]:
        """The members of each event's `identifiers`."""
        keys = combined(events).tolist()
        for key in set(keys).difference(self._identifiers_of):
            pairs = identifiers_of(self._world, *apart(key)).items()
            self._identifiers_of[key] = ",".join([f'"{kind}":"{value}"' for kind, value in pairs])
        return [self._identifiers_of[key] for key in keys]

    def _data(self, kind: SimulatedKind, events: SimulatedEvents) -> Iterable[str]:
        """The members of each event's `data`."""
        person, word = events["person"].tolist(), events["word"].tolist()
        if kind is SimulatedKind.CREATED:
            return [
                _lead(self._world, who, sparse=w > 0) for who, w in zip(person, word, strict=True)
            ]
        if kind is SimulatedKind.UPDATED:
            return [_profile(self._world, who) for who in person]
        return map(_FILL[kind], word, events["value"].tolist())


def event_id(source: str, tag: str, serial: int) -> str:
    """The id of the event that a serial makes."""
    return f"{source}-{tag}-{serial:08d}"


def _stamps(moments: NDArray[np.int64]) -> list[str]:
    """RFC 3339 texts to the millisecond, without the zone; empty where the moment is 0."""
    texts = np.datetime_as_string(moments.astype("datetime64[ms]"))
    stamps: list[str] = np.where(moments == 0, "", texts).tolist()
    return stamps


def _formatter(field: str, kind: SimulatedKind) -> Callable[[int, float], str]:
    """A data field that holds one of the kind's words."""
    texts = [f'"{field}":"{word}"' for word in WORDS[kind]]
    return lambda word, _: texts[word]


def _page(word: int, value: float) -> str:
    return f'"page":"{WORDS[SimulatedKind.PAGE][word]}","duration_s":{value:.1f}'


def _activity(word: int, value: float) -> str:
    return f'"kind":"{WORDS[SimulatedKind.ACTIVITY][word]}","direction":"{_DIRECTIONS[value > 40]}"'


def _campaign(word: int, _: float) -> str:
    return f'"campaign":"newsletter-{word:03d}"'


_FILL = MappingProxyType(
    {
        SimulatedKind.PAGE: _page,
        SimulatedKind.FORM: _formatter("form", SimulatedKind.FORM),
        SimulatedKind.FEATURE: _formatter("feature", SimulatedKind.FEATURE),
        SimulatedKind.TICKET: _formatter("severity", SimulatedKind.TICKET),
        SimulatedKind.SENT: _campaign,
        SimulatedKind.OPENED: _campaign,
        SimulatedKind.CLICKED: _campaign,
        SimulatedKind.WEBINAR: lambda _, value: f'"minutes":{min(value, 90.0):.0f}',
        SimulatedKind.ACTIVITY: _activity,
        SimulatedKind.CLOSED: lambda word, _: f'"satisfaction":{word}',
        SimulatedKind.SIGN_UP: _formatter("plan", SimulatedKind.SIGN_UP),
        SimulatedKind.CONSENT: _formatter("consent", SimulatedKind.CONSENT),
        SimulatedKind.WON: lambda _, value: f'"amount":{value:.2f}',
        SimulatedKind.LOST: _formatter("reason", SimulatedKind.LOST),
    }
)


def _lead(world: World, person: int, *, sparse: bool) -> str:
    """What the CRM's record says; a sparse one lacks the profile, until it is updated."""
    profile = "" if sparse else _profile(world, person) + ","
    return (
        f'{profile}"lead_source":"{LEAD_SOURCES[world.source[person]]}",'
        f'"consent":"{CONSENTS[world.consent[person]]}","name":"{world.name(person)}"'
    )


def _profile(world: World, person: int) -> str:
    """What the CRM knows of the person and, if there is one, of the account."""
    account = int(world.account[person])
    seniority = f'"seniority":"{SENIORITIES[world.seniority[person]]}"'
    if account < 0:
        return seniority
    return (
        f'"country":"{COUNTRIES[world.country[account]]}",'
        f'"industry":"{INDUSTRIES[world.industry[account]]}",'
        f'"employees":{world.employees[account]},{seniority}'
    )


def _spoil(line: str, fault: Fault, kind: SimulatedKind) -> str:
    """The line with one fault."""
    head, mark, _ = line.partition('"data":{')
    spoilt = {
        Fault.BROKEN_JSON: line[: len(line) // 2],
        Fault.MISSING_ID: "{" + line.partition(",")[2],
        Fault.UNKNOWN_TYPE: line.replace('"type":"', '"type":"legacy.', 1),
        Fault.NO_ZONE: line.replace('Z"', '"', 1),
        Fault.FAR_FUTURE: line.replace('"time":"20', '"time":"29', 1),
        Fault.MISSING_FIELD: f"{head}{mark}}}}}",
        Fault.WRONG_TYPE: f'{head}{mark}"{_REQUIRED.get(kind, "kind")}":[1]}}}}',
    }
    return spoilt[fault]
