"""Event contracts: what the data of each event type holds, one versioned file per type.

    book = ContractBook(all_contracts(PACKAGED, home))
    signal = book.admit(signal)     # checked at its own version, then read as the newest
    signal = book.upcast(signal)    # from the log: checked before, read as the newest

The form of the files is told in `signals.contracts.contract_file`, who may change what in
`signals.contracts.compatibility`, what reading older versions does in
`signals.contracts.upcasting`.
"""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from domain.errors import BadConfiguration, BadSignal
from domain.signals import EventT, Signal
from signals.contracts.contract import Contract, Field, FieldKind
from signals.contracts.contract_file import contract_text, read_contract, write_contract
from signals.contracts.patterns import compile_pattern
from signals.contracts.upcasting import Upcast, chain

__all__ = [
    "PACKAGED",
    "Contract",
    "ContractRegistry",
    "Field",
    "all_contracts",
    "blank",
    "contract_text",
    "load_contracts",
    "read_contract",
    "standard_contracts",
    "write_contract",
]

_TYPES: dict[str, Any] = {"string": str, "number": float, "integer": int, "boolean": bool}
PACKAGED = Path(__file__).parent


class ContractRegistry:
    """The contracts in force, all versions, compiled: `check` costs about a microsecond.

    Of two contracts of one type and version the later given one holds. `contracts` are the
    newest ones by type.
    """

    def __init__(self, contracts: Iterable[Contract]) -> None:
        self.versions: dict[str, list[Contract]] = {}
        for c in {(c.name, c.version): c for c in contracts}.values():
            self.versions.setdefault(c.name, []).append(c)
        for versions in self.versions.values():
            versions.sort(key=lambda c: c.version)
        self.contracts = {name: versions[-1] for name, versions in self.versions.items()}
        self._newest = {name: c.version for name, c in self.contracts.items()}
        self._shapes = {
            name: {c.version: _shape(c) for c in versions}
            for name, versions in self.versions.items()
        }
        self._upcasts = {name: chain(versions) for name, versions in self.versions.items()}

    def check(self, signal: Signal) -> None:
        """Raise BadSignal where a signal does not keep its contract at the version it names."""
        try:
            msgspec.convert(signal.data, self._shapes[signal.type][signal.dataversion])
        except KeyError:
            raise self._stranger(signal) from None
        except msgspec.ValidationError as bad:
            raise BadSignal(f"{signal.type}: {blank(str(bad))}", rule="data-contract") from None

    def upcast(self, signal: EventT) -> EventT:
        """The signal at the newest version of its type; itself where it is that already.

        One of an unknown type or version comes back as it is: `check` has refused it, or its
        contract has been taken away since. Raises BadSignal where a number grows out of bounds.
        """
        newest = self._newest.get(signal.type, signal.dataversion)
        if signal.dataversion == newest:
            return signal
        upcast: Upcast | None = self._upcasts[signal.type].get(signal.dataversion)
        if upcast is None:
            return signal
        return msgspec.structs.replace(signal, data=upcast(signal.data), dataversion=newest)

    def admit(self, signal: Signal) -> Signal:
        """A signal from outside at its newest version. Raises BadSignal: see `check`, and `upcast`.

        `upcast` is the rule of sound older data that the steps do not lead to sound newer ones.
        """
        self.check(signal)
        newest = self.upcast(signal)
        if newest is not signal:
            try:
                self.check(newest)
            except BadSignal as bad:
                raise BadSignal(f"upcast, {bad.what}", rule="upcast") from None
        return newest

    def _stranger(self, signal: Signal) -> BadSignal:
        newest = self._newest.get(signal.type)
        if newest is None:
            return BadSignal(f"no contract for type {signal.type}", rule="unknown-type")
        name = f"{signal.type} version {signal.dataversion}"
        if signal.dataversion > newest:
            return BadSignal(f"{name} is newer than {newest}", rule="newer-version")
        return BadSignal(f"no contract for {name}", rule="unknown-version")


def blank(message: str) -> str:
    """A validation message without the offending value, which may be personal data.

    >>> blank("Invalid enum value 'someone@company.com' - at `$.kind`")
    'Invalid enum value - at `$.kind`'
    >>> blank("Object contains unknown field `someone@company.com`")
    'Object contains unknown field'
    """
    shape = r"(Invalid enum value|Object contains unknown field) .*?( - at `[^`]*`)?$"
    return re.sub(shape, r"\1\2", message, flags=re.DOTALL)


def _shape(contract: Contract) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for at, f in enumerate(contract.fields):
        kind = _kind(f)
        if f.required:
            fields.append((f"f{at}", kind))
        else:
            fields.append((f"f{at}", kind | None if f.nullable else kind, None))
    return msgspec.defstruct(
        f"Data_{contract.name}",
        fields,
        kw_only=True,
        rename={f"f{at}": f.name for at, f in enumerate(contract.fields)},
        namespace=_matching(contract),
        forbid_unknown_fields=not contract.extra,
    )


def _matching(contract: Contract) -> dict[str, Any] | None:
    """What makes a shape look at its fields' patterns; None where no field has one.

    msgspec would match them by Python's engine, which a pattern can hold up for ever.
    """
    patterns = [
        (f"f{at}", f.name, f.pattern, compile_pattern(f.pattern))
        for at, f in enumerate(contract.fields)
        if f.pattern is not None and not f.enum
    ]

    def match(self: Any) -> None:
        for at, name, pattern, matches in patterns:
            value = getattr(self, at)
            if value is not None and not matches(value):
                raise ValueError(f"Expected `str` matching regex {pattern!r} - at `$.{name}`")

    return {"__post_init__": match} if patterns else None


def _kind(f: Field) -> Any:
    if f.enum:
        return Literal[f.enum]
    limits: dict[str, Any] = {
        "ge": _bound(f.kind, f.minimum),
        "le": _bound(f.kind, f.maximum),
        "min_length": f.min_length,
        "max_length": f.max_length,
    }
    stated = {name: limit for name, limit in limits.items() if limit is not None}
    kind = _TYPES[f.kind]
    return Annotated[kind, msgspec.Meta(**stated)] if stated else kind


def _bound(kind: FieldKind, bound: float | None) -> float | None:
    return int(bound) if kind == "integer" and bound is not None else bound


def standard_contracts() -> dict[str, Contract]:
    """The newest contracts that come with the product, for the five standard sources."""
    return load_contracts(PACKAGED)


def load_contracts(folder: Path) -> dict[str, Contract]:
    """The newest version of each contract in a folder. A folder that is not there has none."""
    return {c.name: c for c in sorted(all_contracts(folder), key=lambda c: c.version)}


def all_contracts(*folders: Path) -> list[Contract]:
    """All versions of all contracts in folders; of the same one, that of the later folder.

    A folder that is not there has none. Raises BadConfiguration naming the file.
    """
    contracts = [read_contract(path) for folder in folders for path in _files(folder)]
    return list({(c.name, c.version): c for c in contracts}.values())


def _files(folder: Path) -> list[Path]:
    """Its contracts' files. Unlike `glob`, a folder that cannot be read is not taken for empty."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".yaml")
    except FileNotFoundError:
        return []
    except OSError as bad:
        raise BadConfiguration(
            f"its contracts cannot be read: {bad.strerror}",
            rule="contracts-readable",
            where=str(folder),
        ) from bad
