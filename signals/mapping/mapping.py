"""Mappings: real exports and event tables as signals, contracts and a feature definition.

    mapping = load_mapping(Path("mapping.yaml"))
    for mapped in mapping.documents(Path("leads.csv")):
        ...  # a signal's JSON, or a rejected row with its rule, for the quarantine

The form of the file is told in `signals.mapping.spec`, how times are read in
`signals.mapping.timestamps`, what follows for features in `signals.mapping.derivation`.
"""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import msgspec

from domain.definition import FeatureDefinition
from domain.errors import BadConfiguration, BadMapping
from signals.contracts.contract import Contract
from signals.contracts.registry import standard_contracts
from signals.files.readers import as_written, read_rows
from signals.mapping.compiler import MappedRow, MappingCounts, TablePlan
from signals.mapping.derivation import derive_contracts, derive_definition, events_of
from signals.mapping.spec import MappingFile, TableSpec
from signals.mapping.validation import check_mapping
from storage.typed_yaml import located
from storage.yaml_files import parse_yaml, read_text

__all__ = ["MappedDocuments", "Mapping", "load_mapping"]


class MappedDocuments(Iterator[MappedRow]):
    """The signals and rejected rows of one file, in the order of its lines.

    `tally` counts what has been read so far. Raises BadInput where the file cannot be read;
    what came out before stands, and reading again gives the same ids.
    """

    def __init__(self, items: Iterator[MappedRow], tally: MappingCounts) -> None:
        self._items = items
        self.tally = tally

    def __next__(self) -> MappedRow:
        return next(self._items)

    def __iter__(self) -> Iterator[MappedRow]:
        return self._items


class Mapping:
    """A checked mapping. `where` names its file in errors."""

    def __init__(self, file: MappingFile, where: str) -> None:
        standard = standard_contracts()
        check_mapping(file, where, standard)
        self._where = where
        self._versions = {kind: 1 if kind in standard else file.version for kind in events_of(file)}
        self.file = file
        self._check_missing_in()
        try:
            self._contracts = derive_contracts(file, standard)
            self._definition = self._define()
        except (BadMapping, BadConfiguration, msgspec.ValidationError) as bad:
            raise BadMapping(
                getattr(bad, "what", str(bad)),
                rule=getattr(bad, "rule", "features"),
                where=where,
                todo=getattr(bad, "todo", ""),
            ) from bad

    def definition(self) -> FeatureDefinition | None:
        """The features of the mapping's events; None where the standard definition applies."""
        return self._definition

    def contracts(self) -> tuple[Contract, ...]:
        """The contracts of the event types that are the mapping's own."""
        return self._contracts

    def table_for(self, path: Path) -> TableSpec:
        """The first table whose patterns fit the file's name. Raises BadMapping."""
        for table in self.file.tables:
            if not table.files or any(fnmatchcase(path.name, p) for p in table.files):
                return table
        patterns = [p for table in self.file.tables for p in table.files]
        raise BadMapping(
            f"no table of {self._where} is for a file of this name",
            rule="no-table",
            where=path.name,
            todo=f"Its tables are for {', '.join(patterns)}.",
        )

    def documents(self, path: Path, tally: MappingCounts | None = None) -> MappedDocuments:
        """What the rows of a file come to. Raises BadInput at once or while reading.

        `tally` is counted on, where one is given.
        """
        table, tally = self.table_for(path), MappingCounts() if tally is None else tally
        return MappedDocuments(self._documents(path, table, tally), tally)

    def _documents(self, path: Path, table: TableSpec, tally: MappingCounts) -> Iterator[MappedRow]:
        table = as_written(path, table)
        plan = TablePlan(self.file, table, self._versions, path.name)
        plan.tally = tally
        for batch in read_rows(path, table, plan.columns, whole=plan.by_whole_rows):
            yield from plan.run(batch)

    def _check_missing_in(self) -> None:
        for t, table in enumerate(self.file.tables):
            used = TablePlan(self.file, table, self._versions).columns
            for column in table.missing_in.keys() - used:
                raise BadMapping(
                    f"nothing uses missing_in of {column!r}: the column is not mapped",
                    rule="missing",
                    where=f"{self._where}, tables[{t}]",
                    todo="Check its spelling, or leave it out.",
                )

    def unmet(self, path: Path, tally: MappingCounts) -> tuple[str, ...]:
        """The types of outcomes that the file's table may make and that no row became."""
        own = {kind for event in self.table_for(path).events for kind in event.types}
        outcome_types = {kind for outcome in self.file.outcomes.values() for kind in outcome.types}
        return (
            tuple(sorted((own & outcome_types) - tally.event_counts.keys())) if tally.rows else ()
        )

    def _define(self) -> FeatureDefinition | None:
        if self.file.features is not None:
            return self.file.features
        own = {contract.name for contract in self._contracts}
        return derive_definition(self.file) if own else None


def load_mapping(path: Path) -> Mapping:
    """A mapping from its YAML file. Raises BadMapping naming the file, the place, what to do."""
    text = read_text(path, BadMapping)
    try:
        file = msgspec.convert(parse_yaml(text, path.name, BadMapping), MappingFile)
    except (msgspec.ValidationError, BadConfiguration) as bad:
        what = getattr(bad, "what", str(bad))
        todo = "docs/mapping.md tells every key; examples/ has mappings that work."
        if "got `bool`" in what:
            todo = "YAML takes yes, no, on and off for true and false: put such words in quotes."
        key = getattr(bad, "key", "").removeprefix("$")
        where = located(text, path.name, f"at `$.features{key}`" if key else what)
        raise BadMapping(what, rule="mapping-file", where=where, todo=todo) from bad
    return Mapping(file, path.name)
