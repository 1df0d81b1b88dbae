"""Which changes of contracts break readers or writers, and which do not.

Writers are the systems that send events of a version, and go on doing so. Readers are feature
services, models, and whoever reads the log or the contract. The log is never rewritten: what was
once accepted is read again, years later. So a version, once used, is a promise to both sides:

Allowed within a version:

| change | because |
|---|---|
| an optional field is added | writers need not send it, readers do not know it |
| a list gains a value, bounds widen, a pattern goes | all that was accepted still is (1) |
| an optional field may be null | readers take null for left out |
| unnamed fields are let through | nobody reads them |
| retention shortens, classification rises | people are better protected |
| texts change: meaning, owner, status | the shape stays (2) |

(1) A value never seen before is what the gates of batches and of the model's input watch.
(2) That a field still means the same, no machine can tell.

Refused within a version:

| rule | change | because |
|---|---|---|
| `field-removed` | a field is taken away | readers find it gone, silently |
| `type-changed` | a field has another type | the log holds both from then on |
| `required-added` | a required field is added | writers do not send it |
| `optional-made-required` | as it says | writers leave it out |
| `promise-dropped` | a required field becomes optional | readers rely on it |
| `null-refused` | null is no longer allowed | writers send it |
| `enum-narrowed` | a list loses a value | writers send it, the log holds it |
| `bounds-narrowed` | bounds or lengths narrow | the same |
| `pattern-changed` | a pattern is added or changed | whether it narrows cannot be decided |
| `extra-refused` | unnamed fields are refused | writers send them |
| `upcast-changed` | the steps change | old events would mean another thing |
| `retention-lengthened` | as it says | people were told the shorter one |
| `classification-lowered` | as it says | what was personal is personal still |
| `version-vanished` | its file is gone | the log holds events of it |

All of them are allowed in a new version, except that a value may not be carried into a field of
lower classification; see `signals.contracts.upcasting.foresee` for what a new version must keep.
"""

from collections.abc import Iterable, Iterator

from signals.contracts.contract import CLASSIFICATIONS, Contract, Field
from signals.contracts.field_compatibility import Breach, narrowings


def edits(before: Contract, after: Contract) -> Iterator[Breach]:
    """The rules that an edit of one version breaks. None: it may stay that version."""
    fields = {f.name: f for f in after.fields}
    for field in before.fields:
        if field.name in fields:
            yield from _changed(field, fields[field.name])
        else:
            yield Breach("field-removed", field.name, "it is gone")
    for field in after.fields:
        if field.required and field.name not in before.declared:
            yield Breach("required-added", field.name, "it is new and required")
    if before.extra and not after.extra:
        yield Breach("extra-refused", "", "unnamed fields were let through, they no longer are")
    if before.upcast != after.upcast:
        yield Breach("upcast-changed", "", "older events would be read differently from now on")


def _changed(before: Field, after: Field) -> Iterator[Breach]:
    yield from narrowings(before, after)
    if (before.kind, after.kind) == ("integer", "number"):
        yield Breach("type-changed", after.name, "it was integer, it is number")
    if before.required and not after.required:
        yield Breach("promise-dropped", after.name, "it was always there, it may be left out now")
    if CLASSIFICATIONS.index(after.classification) < CLASSIFICATIONS.index(before.classification):
        what = f"it was {before.classification}, it is {after.classification}"
        yield Breach("classification-lowered", after.name, what)
    if before.retention_days is not None and (
        after.retention_days is None or after.retention_days > before.retention_days
    ):
        what = f"it was {before.retention_days} days, it is {after.retention_days or 'unlimited'}"
        yield Breach("retention-lengthened", after.name, what)


def changes(
    before: Iterable[Contract], after: Iterable[Contract]
) -> Iterator[tuple[Contract, Breach]]:
    """The rules that the change of a whole set breaks, each with the earlier contract."""
    contracts = {(c.name, c.version): c for c in after}
    for contract in before:
        now = contracts.get((contract.name, contract.version))
        if now is None:
            yield contract, Breach("version-vanished", "", "the log may hold events of it")
        else:
            for breach in edits(contract, now):
                yield contract, breach
