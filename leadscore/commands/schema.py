"""The configuration files, and their JSON Schemas for editors."""

from typing import Annotated

import typer

from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put_json, put_table


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="Such as gates; all, unless said.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """The files that configure the product; of one, its JSON Schema (draft 2020-12) for editors."""
    from jobs.config_schemas import CONFIG_FILES, config_file, schema_of

    if name is not None:
        put_json(schema_of(config_file(name)))
        return
    if as_json:
        put_json(
            [
                {"name": c.name, "file": c.file, "where": c.where, "purpose": c.purpose}
                for c in CONFIG_FILES
            ]
        )
        return
    put_table(
        ["name", "file", "where it is looked for", "what it says"],
        [[c.name, c.file, c.where, c.purpose] for c in CONFIG_FILES],
    )
