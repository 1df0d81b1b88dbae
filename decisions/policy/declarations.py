"""What a policy's file declares beside its graph: its inputs, outputs, queues, and what is meant.

All of it is for the checks alone; a policy decides the same with and without.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

import msgspec

from decisions.policy.table_axes import CellValue

DeclaredText = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
_Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
MOST_DECLARED = 500


class ValueType(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a value may be: `number` from `min` to `max`, `text`, `flag`; one of `values`, if any.

    Bounds belong to the range. Numbers have no values, texts no bounds, flags neither.
    """

    type: Literal["number", "text", "flag"]
    values: Annotated[tuple[DeclaredText, ...], msgspec.Meta(max_length=MOST_DECLARED)] = ()
    min: float | None = None
    max: float | None = None

    def __post_init__(self) -> None:
        bounded = self.min is not None or self.max is not None
        if bounded and self.type != "number":
            raise ValueError(f"`min` and `max` are of numbers, the type is {self.type}")
        if self.values and self.type != "text":
            raise ValueError(f"`values` are of texts, the type is {self.type}")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"`min` is {self.min:g}, above `max`, which is {self.max:g}")

    def holds(self, value: CellValue) -> bool:
        """Whether a value is of this type; none is of no type.

        >>> ValueType(type="number", min=0).holds(-1.0), ValueType(type="flag").holds(True)
        (False, True)
        """
        if isinstance(value, bool):
            return self.type == "flag"
        if isinstance(value, str):
            return self.type == "text" and (not self.values or value in self.values)
        if value is None or self.type != "number":
            return False
        low, high = self.min, self.max
        return (low is None or value >= low) and (high is None or value <= high)

    def __str__(self) -> str:
        """As it reads in a finding: `a number from 0 to 5`."""
        if self.values:
            return f"one of {', '.join(map(repr, self.values))}"
        low = "" if self.min is None else f" from {self.min:g}"
        high = "" if self.max is None else f" to {self.max:g}"
        return {"number": "a number", "text": "a text", "flag": "true or false"}[self.type] + (
            low + high
        )


class InputType(ValueType, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The type of a fact; `optional`: it may be unknown, as every fact may unless this says no."""

    optional: bool = True


class QueueTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is agreed of a queue: how many leads a day its owners can take."""

    capacity_per_day: Annotated[float, msgspec.Meta(ge=0)] | None = None


class ConsentTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which fact says whether a lead may be marketed to, and which of its values refuse it."""

    fact: DeclaredText = "profile.consent"
    refused: Annotated[tuple[DeclaredText, ...], msgspec.Meta(min_length=1)] = ("withdrawn",)


class Demand(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many leads a day are decided on, and which share of them passes which tests, by fact.

    `{"grade": {"'A'": 0.05, "'B'": 0.15}}`: tests as in a table's cells, of leads that differ, with
    shares of 1 at most together. Of what they leave, and of facts without shares, the fact is
    unknown; what cannot be unknown is spread evenly, as are leads within a test that tables cut.
    Facts are taken as independent.
    """

    leads_per_day: Annotated[float, msgspec.Meta(gt=0)]
    shares: dict[str, dict[str, _Share]] = {}

    def __post_init__(self) -> None:
        if not {"grade", "score"} & self.shares.keys():
            raise ValueError("the shares of `grade` are missing")
        for fact, tests in self.shares.items():
            if sum(tests.values()) > 1 + 1e-9:
                raise ValueError(f"the shares of {fact!r} are {sum(tests.values()):g}, above 1")


class Declarations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is declared.

    `queues`: all that may be used (none: any), by name alone or with their terms. `retired`: rules
    of earlier versions that are left out on purpose. `inputs`: types of facts by name, all of those
    that are read where any is given; `outputs`: types of a decision's keys. `exclusive`: tables
    whose rows never catch the same lead, unless one is an exception from a later one. `complete`:
    tables whose last row is for safety alone, as the others catch every lead. `may_fall`: rules
    that may give a higher score a lower priority.
    """

    queues: tuple[DeclaredText, ...] | dict[DeclaredText, QueueTerms] = ()
    retired: tuple[DeclaredText, ...] = ()
    inputs: dict[DeclaredText, InputType] = {}
    outputs: dict[DeclaredText, ValueType] = {}
    exclusive: tuple[DeclaredText, ...] = ()
    complete: tuple[DeclaredText, ...] = ()
    may_fall: tuple[DeclaredText, ...] = ()
    consent: ConsentTerms = ConsentTerms()
    demand: Demand | None = None

    @property
    def capacities(self) -> dict[str, float]:
        """By queue, how many leads a day it can take, where that is declared."""
        terms: Mapping[str, QueueTerms] = self.queues if isinstance(self.queues, dict) else {}
        return {
            name: of.capacity_per_day
            for name, of in terms.items()
            if of.capacity_per_day is not None
        }

    @property
    def queue_names(self) -> Sequence[str]:
        """The declared queues."""
        return tuple(self.queues)
