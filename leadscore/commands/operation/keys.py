"""Commands about API keys: who may ask the service what."""

from datetime import datetime
from typing import Annotated

import msgspec
import typer

from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say

keys = group("API keys: who may ask the service what.")


@keys.command("create")
def create(
    name: Annotated[str, typer.Option(help="Whose it is: a system, not a person.")],
    scope: Annotated[
        list[str],
        typer.Option(help="score, ingest, read, approve, propose, personal or admin; repeatable."),
    ],
    expires: Annotated[
        str | None, typer.Option(metavar="T", help="Until when it is good, as 2027-01-31.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="The only sources whose events it may send; repeatable. All without."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key; it is printed this once, and known to nobody afterwards but its holder."""
    from config.settings import load_settings
    from serving.auth.api_key_store import open_keys

    key, sent = open_keys(load_settings()).create(name, scope, _moment(expires), source or ())
    if as_json:
        put_json({"key": sent, **msgspec.to_builtins(key)})
        return
    say(f"key {key.key_id}, {' '.join(key.scopes)}; it is shown this once:")
    put(sent)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """All keys, the newest first, without their secrets."""
    from config.settings import load_settings
    from serving.auth.api_key_store import open_keys

    listed = open_keys(load_settings()).keys()
    if as_json:
        put_json(listed)
        return
    put_table(
        ["key", "name", "scopes", "sources", "created", "expires", "revoked"],
        [
            [
                k.key_id,
                k.name,
                " ".join(k.scopes),
                " ".join(k.sources),
                k.created,
                k.expires,
                k.revoked,
            ]
            for k in listed
        ],
    )


@keys.command("revoke")
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` has it.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the key.")],
) -> None:
    """Revoke a key for good; running services follow within two seconds."""
    from config.settings import load_settings
    from serving.auth.api_key_store import open_keys

    key = open_keys(load_settings()).revoke(key_id, reason)
    put(f"revoked {key.key_id} ({key.name})")


def _moment(text: str | None) -> datetime | None:
    from domain.clock import parse_iso
    from domain.errors import BadInput

    if text is None:
        return None
    try:
        return parse_iso(text)
    except ValueError:
        raise BadInput(
            "the time cannot be read",
            rule="key-expires",
            where="--expires",
            todo="As 2027-01-31 or 2027-01-31T12:00:00Z.",
        ) from None
