"""What is wrong with a folder of contracts: each file by itself, versions, and against before.

Rules beside those of `signals.contracts.compatibility`: `contract-file` (not well formed),
`meaning`, `owner`, `retention` (nobody has said), `version-gap`, `upcast-orphan`, `upcast-step`,
`upcast-required`, `upcast-unsaid` (the steps do not lead from all data of the version before).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from pathlib import Path

import msgspec

from domain.errors import BadConfiguration
from signals.contracts.compatibility import changes
from signals.contracts.contract import Contract
from signals.contracts.contract_file import parse_contract
from signals.contracts.field_compatibility import Breach
from signals.contracts.upcasting import foresee

NEW_VERSION = "Leave this version as it was and write the next one, with `upcast` steps."
_TODO = {
    "meaning": "Say in `description` what it means.",
    "owner": "Name the team that answers for it in `team`.",
    "retention": "Say in `slaProperties` for how many days it is kept.",
    "version-gap": "Number versions without gaps.",
    "upcast-orphan": "Add the file of the version before, or take the steps away.",
    "version-vanished": "Bring its file back; `status: deprecated` tells writers to move on.",
    "retention-lengthened": "Keep the shorter one; a new version may keep its own events longer.",
    "classification-lowered": "Keep the higher classification.",
    "required-added": "Make it optional, or write the next version with a default.",
    "optional-made-required": "Leave it optional, or write the next version with a default.",
    "upcast-changed": "Put the steps back; write the next version with steps that mend it.",
}
_UPCAST = "Mend the `upcast` steps; signals/contracts/upcast_steps.py lists them."


class ContractFinding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is wrong: where, which rule, what to do. `field` may be empty."""

    file: str
    field: str
    rule: str
    what: str
    todo: str

    def __str__(self) -> str:
        """One line."""
        place = f"{self.file}, {self.field}" if self.field else self.file
        return f"{place}: {self.what} [{self.rule}] {self.todo}"


def check_texts(
    texts: Mapping[str, str],
    base: Sequence[Contract] = (),
    before: Mapping[str, str] | None = None,
) -> list[ContractFinding]:
    """All findings about contract files, by name, in the order of the names.

    `base` are contracts that hold beside them, such as the packaged ones: a file may replace one
    of them or be the next version. `before` are the files as they were: raises BadConfiguration
    where one of those cannot be read.
    """
    findings: list[ContractFinding] = []
    own: list[Contract] = []
    for name, text in sorted(texts.items()):
        try:
            own.append(parse_contract(text, name))
        except BadConfiguration as bad:
            findings.append(_malformed(bad))
    unread = {f.file.partition(",")[0] for f in findings}
    earlier = [_earlier(name, text) for name, text in sorted((before or {}).items())]
    replaced = {(c.name, c.version) for c in own}
    earlier += [c for c in base if (c.name, c.version) in replaced]
    for contract in own:
        findings += _findings(contract, _complete(contract))
    for newer, breach in _ladders([*base, *own], replaced):
        findings += _findings(newer, [breach], _UPCAST)
    for contract, breach in changes(earlier, own):
        if contract.file_name not in unread:
            findings += _findings(contract, [breach], NEW_VERSION)
    return sorted(set(findings), key=lambda f: (f.file, f.field, f.rule))


def _earlier(name: str, text: str) -> Contract:
    try:
        return parse_contract(text, name)
    except BadConfiguration as bad:
        raise BadConfiguration(
            f"as it was before, it is {bad.what}",
            rule=bad.rule,
            where=bad.where,
            todo="Compare with a later state.",
        ) from bad


def read_texts(folder: Path) -> dict[str, str]:
    """The contract files of a folder, by name; what is no UTF-8 is read as the sign for that."""
    return {
        path.name: path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(folder.glob("*.yaml"))
    }


def _malformed(bad: BadConfiguration) -> ContractFinding:
    return ContractFinding(file=bad.where, field="", rule=bad.rule, what=bad.what, todo=bad.todo)


def _findings(
    contract: Contract, breaches: Iterable[Breach], todo: str = ""
) -> Iterator[ContractFinding]:
    for breach in breaches:
        yield ContractFinding(
            file=contract.file_name,
            field=breach.field,
            rule=breach.rule,
            what=breach.what,
            todo=_TODO.get(breach.rule, todo),
        )


def _complete(contract: Contract) -> Iterator[Breach]:
    if not contract.purpose.strip():
        yield Breach("meaning", "", "nobody says what the event means")
    if not contract.owner.strip():
        yield Breach("owner", "", "nobody answers for it")
    for field in contract.fields:
        if not field.description.strip():
            yield Breach("meaning", field.name, "nobody says what it means")
        if field.retention_days is None:
            yield Breach("retention", field.name, "nobody says how long it is kept")


def _ladders(
    contracts: Sequence[Contract], own: set[tuple[str, int]]
) -> Iterator[tuple[Contract, Breach]]:
    """What is wrong between versions, where one of them is in `own`."""
    by_version = {(c.name, c.version): c for c in contracts}
    for _, group in groupby(sorted(by_version.items()), key=lambda item: item[0][0]):
        ladder = [contract for _, contract in group]
        lowest = ladder[0]
        if lowest.upcast:
            yield lowest, Breach("upcast-orphan", "", "there is no version before it")
        for older, newer in pairwise(ladder):
            if not {(c.name, c.version) for c in (older, newer)} & own:
                continue
            if newer.version != older.version + 1:
                what = f"it comes after version {older.version}"
                yield newer, Breach("version-gap", "", what)
            for breach in foresee(older, newer):
                yield newer, breach
