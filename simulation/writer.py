"""Writing a simulation: signals as JSON lines in the order of delivery, the truth beside them."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from domain.clock import DAY, iso
from domain.identifiers import ACCOUNT_KIND, NAME_KIND
from simulation.delivery import LATE_MS, Deliveries, Fault, known_ms
from simulation.events import apart, combined
from simulation.identifiers import identifiers_of
from simulation.rendering import Renderer, event_id
from simulation.simulator import Simulation
from simulation.vocabulary import SOURCES, TYPES
from simulation.world import World

CHUNK = 16_384
"""Lines rendered at a time."""

_encoder = msgspec.json.Encoder()


class WrittenCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was written: received = accepted + duplicates + quarantined.

    `late` of the accepted became known a minute or more after they happened. `faults` counts the
    quarantined by what is wrong with them, `types` the accepted by event type.
    """

    signals: Path
    truth: Path
    received: int
    accepted: int
    duplicates: int
    quarantined: int
    late: int
    people: int
    cutoffs: int
    faults: dict[str, int]
    types: dict[str, int]


def write(simulation: Simulation, out: Path) -> WrittenCounts:
    """Write the signals to `out` and the truth to `<stem of out>.truth.jsonl` beside it.

    A scenario with hard cases of identity tells the owner of every sound signal there, too.
    Folders are made where they are missing; files that are there are overwritten. Raises OSError
    where that is not possible.
    """
    truth = out.with_name(f"{out.stem}.truth.jsonl")
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", encoding="utf-8", newline="\n") as stream:
        for text in _signal_texts(simulation):
            stream.write(text)
    written = _counted(simulation, out, truth)
    with truth.open("w", encoding="utf-8", newline="\n") as stream:
        stream.writelines(_people(simulation.world, simulation.deliveries))
        stream.writelines(_cutoffs(simulation))
        if simulation.hard:
            stream.writelines(_owners(simulation))
        stream.write(_json({"kind": "counts", **_numbers(written)}))
    return written


def _signal_texts(simulation: Simulation) -> Iterator[str]:
    """The file, in chunks of lines."""
    deliveries = simulation.deliveries
    renderer = Renderer(simulation.world, simulation.tag)
    for at in range(0, len(deliveries.order), CHUNK):
        row = deliveries.order[at : at + CHUNK]
        yield "\n".join(renderer.lines(deliveries.events[row], row.tolist())) + "\n"


def _counted(simulation: Simulation, out: Path, truth: Path) -> WrittenCounts:
    deliveries, good = simulation.deliveries, simulation.deliveries.good
    faults = np.bincount(deliveries.events["fault"], minlength=len(Fault)).tolist()
    types = np.bincount(good["kind"], minlength=len(TYPES)).tolist()
    return WrittenCounts(
        signals=out,
        truth=truth,
        received=len(deliveries.order),
        accepted=len(good),
        duplicates=len(deliveries.order) - len(deliveries.events),
        quarantined=len(deliveries.events) - len(good),
        late=int(np.count_nonzero(known_ms(good) - good["time"] >= LATE_MS)),
        people=simulation.world.people,
        cutoffs=len(simulation.truth.person),
        faults={f.name.lower(): faults[f] for f in Fault if f is not Fault.NONE},
        types=dict(zip(TYPES, types, strict=True)),
    )


def _numbers(written: WrittenCounts) -> dict[str, object]:
    """The counts without paths: a truth file has the same content wherever it is."""
    numbers = msgspec.structs.asdict(written)
    return {name: value for name, value in numbers.items() if name not in {"signals", "truth"}}


def _people(world: World, deliveries: Deliveries) -> Iterator[str]:
    """Who is who: each person with the identifiers that sound signals carried."""
    codes = np.unique(combined(deliveries.good))
    edges = np.searchsorted(codes >> 16, np.arange(world.people + 1)).tolist()
    for person in range(world.people):
        people: dict[str, list[str]] = {}
        for code in codes[edges[person] : edges[person + 1]].tolist():
            for kind, value in identifiers_of(world, *apart(code)).items():
                if kind not in (ACCOUNT_KIND, NAME_KIND) and value not in people.get(kind, ()):
                    people.setdefault(kind, []).append(value)
        yield _json(
            {
                "kind": "person",
                "person": _name(person),
                "account": world.account_name(person),
                "identifiers": people,
            }
        )


def _cutoffs(simulation: Simulation) -> Iterator[str]:
    truth, start = simulation.truth, simulation.calendar.start_ms * 1000
    order: NDArray[np.int64] = np.lexsort((truth.person, truth.day))
    columns = (truth.person[order], truth.day[order], truth.probability[order])
    for person, day, probability in zip(*(c.tolist() for c in columns), strict=True):
        yield (
            f'{{"kind":"cutoff","person":"{_name(person)}","crm_id":"L-{person:07d}",'
            f'"cutoff":"{iso(start + day * DAY)}","horizon_days":{simulation.horizon_days},'
            f'"probability":{probability:.6f}}}\n'
        )


def _owners(simulation: Simulation) -> Iterator[str]:
    """Whose each sound signal is, by its source and id."""
    events = simulation.deliveries.events
    rows = np.flatnonzero(events["fault"] == Fault.NONE)
    columns = (rows, events["kind"][rows], events["person"][rows])
    for row, kind, person in zip(*(c.tolist() for c in columns), strict=True):
        source = SOURCES[kind]
        yield (
            f'{{"kind":"event","source":"{source}","id":"{event_id(source, simulation.tag, row)}",'
            f'"person":"{_name(person)}"}}\n'
        )


def _name(person: int) -> str:
    return f"P-{person:07d}"


def _json(document: dict[str, object]) -> str:
    return _encoder.encode(document).decode() + "\n"
