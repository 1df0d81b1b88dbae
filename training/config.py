"""The settings of a training run: a file, parsed once, unknown keys refused."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, time
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from domain.definition import LONGEST_DAYS
from domain.errors import BadConfiguration, Missing
from storage.config_numbers import (
    Days,
    Hours,
    OpenShare,
    PositiveCount,
    PositiveDays,
    PositiveShare,
    Seed,
)
from storage.nearest_names import nearest
from storage.typed_yaml import YamlFile

StepDays = Annotated[float, msgspec.Meta(ge=1 / 24, le=LONGEST_DAYS)]
NameKind = Literal["feature", "event type", "outcome"]
Aware = Annotated[datetime, msgspec.Meta(tz=True)]


class _EveryRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="rule"):
    """Parent of the cutoff rules: the key `rule` of the file chooses one."""


class Every(_EveryRule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="every"):
    """A cutoff every so many days, at least an hour, for every lead that could be scored then."""

    days: StepDays = 14.0


class After(_EveryRule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="after"):
    """One cutoff per lead, so many hours after its first event of these types."""

    types: tuple[str, ...]
    delay_hours: Hours = 0.0


class FirstContact(
    _EveryRule, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="first_contact"
):
    """One cutoff per lead, so many hours after its first event.

    With `identified_only` that is the first event by which somebody is named.
    """

    delay_hours: Hours = 0.0


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
    min_rows: PositiveCount = 50


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
    horizon_days: PositiveDays = 30.0
    cutoffs: Every | After | FirstContact = Every()
    begin: Aware | None = msgspec.field(name="from", default=None)
    split: Split = Split()
    trials: PositiveCount = 15
    seed: Seed = 7
    iterations: Annotated[int, msgspec.Meta(ge=10, le=100_000)] = 400
    border_count: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 254
    identified_only: bool = True
    exclude: tuple[str, ...] = ()
    exclude_accounts: tuple[Annotated[str, msgspec.Meta(min_length=1)], ...] = ()
    max_account_share: PositiveShare = 0.02
    waivers: tuple[Waiver, ...] = ()
    warm_start: bool = False
    blend: bool = False
    fairness: Fairness = Fairness()

    @property
    def embargo_days(self) -> float:
        """The embargo in force."""
        stated = self.split.embargo_days
        return self.horizon_days if stated is None else stated

    def document(self) -> dict[str, object]:
        """The settings as plain values, as a version's lineage records them."""
        document: dict[str, object] = msgspec.to_builtins(self)
        return document

    def names(self, kind: NameKind) -> Iterator[tuple[str, str]]:
        """The names of a kind that it refers to, each after its key in the file."""
        if kind == "outcome":
            yield "$.outcome", self.outcome
            return
        if kind == "event type":
            types = self.cutoffs.types if isinstance(self.cutoffs, After) else ()
            yield from ((f"$.cutoffs.types[{i}]", name) for i, name in enumerate(types))
            return
        yield from ((f"$.exclude[{i}]", name) for i, name in enumerate(self.exclude))
        for i, waiver in enumerate(self.waivers):
            yield f"$.waivers[{i}].feature", waiver.feature
        for i, group in enumerate(self.fairness.groups):
            yield f"$.fairness.groups[{i}].feature", group.feature

    def digest(self) -> str:
        """A digest of all settings; the same for settings that were read back from a document."""
        config = msgspec.convert(self.document(), TrainingConfig)  # 7 and 7.0 are the same
        return sha256(msgspec.json.encode(config, order="sorted")).hexdigest()


def read_config(
    path: Path, known: Mapping[NameKind, Iterable[str]] | None = None
) -> TrainingConfig:
    """A run's settings from its file. Raises Missing or BadConfiguration.

    `known` are the names that exist, by kind: a setting that names another is refused.
    """
    if not path.is_file():
        raise Missing("no such file", rule="training-config", where=str(path))
    todo = "docs/configuration.md tells every key."
    file = YamlFile(path, "training-config", todo=todo)
    config = file.to(TrainingConfig, _dated)
    for kind, names in (known or {}).items():
        _require_known(config, kind, frozenset(names), file)
    return config


def _require_known(
    config: TrainingConfig, kind: NameKind, known: frozenset[str], file: YamlFile
) -> None:
    for key, name in config.names(kind):
        if name not in known:
            raise BadConfiguration(
                f"unknown {kind} {name!r}",
                rule="training-config",
                where=file.where(f"at `{key}`"),
                todo=nearest(name, known),
            )


def _dated(document: object) -> object:
    """The document with a date for `from` made a moment; an empty one has no settings."""
    if isinstance(document, dict):
        begin = document.get("from")
        if isinstance(begin, date) and not isinstance(begin, datetime):
            return {**document, "from": datetime.combine(begin, time(), UTC)}
    return {} if document is None else document
