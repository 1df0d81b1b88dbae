"""Commands about event contracts: what the data of each event type holds, and may become."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput, Missing, Refused
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from signals.contracts.contract import Contract
    from signals.contracts.lint import ContractFinding

contracts = group("Event contracts: what the data of each event type holds.")


@contracts.command("list")
def list_contracts(as_json: AsJson = False) -> None:
    """The event types that are accepted here."""
    newest = {c.name: c for c in sorted(_known_contracts(), key=lambda c: (c.name, c.version))}
    if as_json:
        put_json(list(newest.values()))
        return
    put_table(
        ["type", "version", "channel", "fields", "owner", "meaning"],
        [
            [c.name, c.version, c.channel, len(c.fields), c.owner, c.purpose]
            for c in newest.values()
        ],
    )


@contracts.command("show")
def show_contract(
    event_type: Annotated[str, typer.Argument(metavar="TYPE")],
    version: Annotated[int | None, typer.Option(help="Of the newest, unless said.")] = None,
    as_json: AsJson = False,
) -> None:
    """One contract: each field's type, limits, classification, retention and meaning."""
    contract = _find(event_type, version)
    if as_json:
        put_json(contract)
        return
    put(f"{contract.name} version {contract.version}: {contract.purpose}")
    others = "let through" if contract.extra else "refused"
    put(f"owner {contract.owner}, channel {contract.channel}, other fields are {others}\n")
    put_table(
        ["field", "type", "limits", "classification", "days kept", "meaning"],
        [
            [
                f.name,
                f.kind if f.required else f"{f.kind}, optional",
                f.limits or "-",
                f.classification,
                f.retention_days or "-",
                f.description,
            ]
            for f in contract.fields
        ],
    )
    if contract.upcast:
        from signals.contracts.upcast_steps import write_step

        put(f"\nVersion {contract.version - 1} is read as this one by:")
        for step in contract.upcast:
            put("  " + ", ".join(f"{name} {value}" for name, value in write_step(step).items()))


@contracts.command("check")
def check_contracts(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[DIR]", help="The home's own and the packaged, unless said."),
    ] = None,
    against: Annotated[
        str | None,
        typer.Option(metavar="REV_OR_DIR", help="Refuse what breaks readers or writers of then."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check contract files; against an earlier state, refuse changes that break it. Exit 1."""
    from config.settings import load_settings
    from signals.contracts.lint import read_texts

    home = load_settings().contracts
    if folder is not None and not folder.is_dir():
        raise Missing("no such folder", rule="contracts-folder", where=str(folder))
    if against is not None and folder is None:
        raise BadInput(
            "name the folder to compare",
            rule="against",
            todo="Name it: `leadscore contracts check DIR --against REV_OR_DIR`.",
        )
    folders = [folder] if folder is not None else _own_folders(home)
    files = sum(len(read_texts(f)) for f in folders)
    findings = [finding for f in folders for finding in _check(f, against)]
    if as_json:
        put_json({"files": files, "findings": findings})
    else:
        for finding in findings:
            put(str(finding))
        say(f"files: {files}, findings: {len(findings)}")
    if findings:
        counted = Counter(finding.rule for finding in findings)
        what = ", ".join(f"{rule} {n}" for rule, n in sorted(counted.items()))
        raise Refused(f"the contracts break rules: {what}", rule="contracts-check")


def _check(folder: Path, against: str | None) -> "list[ContractFinding]":
    from signals.contracts.git_revision import texts_at
    from signals.contracts.lint import check_texts, read_texts
    from signals.contracts.registry import PACKAGED, all_contracts

    base = [] if folder.resolve() == PACKAGED else all_contracts(PACKAGED)
    before = texts_at(folder, against) if against is not None else None
    return check_texts(read_texts(folder), base, before)


def _own_folders(home: Path) -> list[Path]:
    from signals.contracts.registry import PACKAGED

    return [PACKAGED, home] if home.is_dir() else [PACKAGED]


def _known_contracts() -> "list[Contract]":
    from config.settings import load_settings
    from signals.contracts.registry import PACKAGED, all_contracts

    return all_contracts(PACKAGED, load_settings().contracts)


def _find(event_type: str, version: int | None) -> "Contract":
    from difflib import get_close_matches

    versions = {c.version: c for c in _known_contracts() if c.name == event_type}
    if not versions:
        close = get_close_matches(event_type, {c.name for c in _known_contracts()}, 1)
        raise Missing(
            f"no contract for type {event_type}",
            rule="unknown-type",
            todo=f"Did you mean {close[0]}?" if close else "`leadscore contracts list` shows all.",
        )
    if version is not None and version not in versions:
        raise Missing(
            f"no version {version} of {event_type}",
            rule="unknown-version",
            todo=f"There is {', '.join(map(str, sorted(versions)))}.",
        )
    return versions[version or max(versions)]
