"""What a training run is asked to do: a file, parsed once, unknown keys refused."""

from datetime import UTC, date, datetime, time
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from domain.errors import Missing
from storage.typed_yaml import read_typed

OpenShare = Annotated[float, msgspec.Meta(gt=0.0, lt=1.0)]
Days = Annotated[float, msgspec.Meta(ge=0.0)]
Positive = Annotated[float, msgspec.Meta(gt=0.0)]
StepDays = Annotated[float, msgspec.Meta(ge=1 / 24)]
Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class _EveryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule"):
    """Parent of the rules: `rule` in the file says which."""


class Every(_EveryRule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="every"):
    """A cutoff every so many days, at least an hour, for every lead that could be scored then."""

    days: StepDays = 14.0


class After(_EveryRule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="after"):
    """One cutoff per lead, so many hours after its first event of these types."""

    types: tuple[str, ...]
    delay_hours: Days = 0.0


class FirstContact(
    _EveryRule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="first_contact"
):
    """One cutoff per lead, so many hours after its first event.

    With `identified_only` that is the first event by which somebody is named.
    """

    delay_hours: Days = 0.0


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature that the leakage guard names and that is kept nevertheless, and why."""

    feature: Annotated[str, msgspec.Meta(min_length=1)]
    reason: Annotated[str, msgspec.Meta(min_length=1, pattern=r"\S")]


class Split(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The last `test_share` of the rows by time are the test; `embargo_days` before it are unused.

    The search cuts what lies before into `folds` + 1 parts by time: each but the first is judged
    by models of all that lies before it.

    Without `embargo_days` the embargo is one horizon: no training label then reaches into the
    test's time.
    """

    test_share: OpenShare = 0.2
    embargo_days: Days | None = None
    folds: Annotated[int, msgspec.Meta(ge=1, le=20)] = 3


class Audit(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A feature whose groups are compared. `bins` are the ascending edges that cut a number.

    `protected` groups must be treated alike: gates look at their differences. The groups of an
    `arm` were treated differently on purpose, as those of an experiment or a campaign were, and
    convert differently where the treatment works: they are shown, and gate nothing.
    """

    feature: Annotated[str, msgspec.Meta(min_length=1)]
    kind: Literal["protected", "arm"] = "protected"
    bins: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if any(low >= high for low, high in pairwise(self.bins)):
            raise ValueError(f"the bins of {self.feature!r} must ascend")


class Fairness(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Groups that a version is audited by, which it may know or not (see `exclude`).

    Selected are leads from `threshold` on, or without one the best `top_share`. Groups of fewer
    than `min_rows` rows are shown, not judged.
    """

    groups: tuple[Audit, ...] = ()
    top_share: OpenShare = 0.2
    threshold: OpenShare | None = None
    min_rows: Annotated[int, msgspec.Meta(ge=1)] = 50


class TrainingConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A training run's settings.

    `begin` (in the file: `from`) is the first cutoff, a date alone meaning midnight UTC; without
    it, one horizon after the first event. `identified_only` leaves out leads that no strong
    identifier names. `warm_start` begins the search with the best parameters of the last study of
    the same outcome; `waivers` keep features that the leakage guard names. `blend` tries a blend
    with a scorecard, see `training.model.blending`. `max_account_share` bounds what one company
    weighs of all rows that are learnt from, and of each fold, see `training.data.account_weights`;
    `exclude_accounts` leaves companies out, named as the files named them: by domain or by account
    id.
    """

    outcome: str = "won"
    horizon_days: Positive = 30.0
    cutoffs: Every | After | FirstContact = Every()
    begin: Aware | None = msgspec.field(name="from", default=None)
    split: Split = Split()
    trials: Annotated[int, msgspec.Meta(ge=1)] = 15
    seed: int = 7
    iterations: Annotated[int, msgspec.Meta(ge=10)] = 400
    border_count: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 254
    identified_only: bool = True
    exclude: tuple[str, ...] = ()
    exclude_accounts: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    max_account_share: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] = 0.02
    waivers: tuple[Waiver, ...] = ()
    warm_start: bool = False
    blend: bool = False
    fairness: Fairness = Fairness()

    @property
    def embargo_days(self) -> float:
        """The embargo in force."""
        given = self.split.embargo_days
        return self.horizon_days if given is None else given

    def document(self) -> dict[str, object]:
        """The settings as plain values, as a version's lineage records them."""
        document: dict[str, object] = msgspec.to_builtins(self)
        return document

    def digest(self) -> str:
        """A digest of all settings; the same for settings that were read back from a document."""
        told = msgspec.convert(self.document(), TrainingConfig)  # 7 and 7.0 are the same
        return sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def read_config(path: Path) -> TrainingConfig:
    """A run's settings from its file. Raises Missing or BadConfiguration."""
    if not path.is_file():
        raise Missing("no such file", rule="training-config", where=str(path))
    todo = "The README lists the settings of a training run."
    return read_typed(path, TrainingConfig, "training-config", todo=todo, prepare=_dated)


def _dated(document: object) -> object:
    """The document with a date for `from` made a moment; an empty one has no settings."""
    if isinstance(document, dict):
        held = document.get("from")
        if isinstance(held, date) and not isinstance(held, datetime):
            return {**document, "from": datetime.combine(held, time(), UTC)}
    return {} if document is None else document
