"""Commands about lineage: what runs told of themselves, and what a server has not yet heard."""

from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json

lineage = group("OpenLineage events of training, registering and promoting.")


@lineage.command("status")
def status(as_json: AsJson = False) -> None:
    """Where the events are, and how many wait for a server."""
    from config.settings import load_settings
    from wiring.lineage import outbox_of

    settings = load_settings()
    outbox = outbox_of(settings)
    waiting = outbox.waiting() if outbox.folder.is_dir() else 0
    if as_json:
        put_json({"folder": str(outbox.folder), "waiting": waiting})
        return
    put(f"{outbox.folder}: {waiting:,} events that no server has")


@lineage.command("send")
def send() -> None:
    """Send what waits to the server that LEADSCORE_LINEAGE names."""
    from config.settings import load_settings
    from wiring.lineage import send_waiting

    put(f"{send_waiting(load_settings()):,} events sent")
