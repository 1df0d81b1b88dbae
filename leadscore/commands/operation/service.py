"""Commands that run the service, and the demonstration."""

from pathlib import Path
from typing import Annotated

import typer

from config.extras import require
from leadscore.terminal.output import put


def serve(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="0: a free one.")] = None,
    host: Annotated[str | None, typer.Option(help="Where to listen.")] = None,
    workers: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Serve scores over HTTP until interrupted."""
    require("serve")
    from config.settings import load_settings, quiet_libraries
    from serving.supervisor import serve as run

    quiet_libraries()
    settings = load_settings()
    if settings.mcp:
        require("mcp")
    raise typer.Exit(
        run(settings, host or settings.host, settings.port if port is None else port, workers)
    )


def bundle() -> None:
    """Put the live versions where `bentoml build` finds them."""
    from config.settings import load_settings
    from wiring.bundle import pack_bundle

    folder = pack_bundle(load_settings())
    put(f"packed {folder.name}: {sum(1 for p in folder.rglob('*') if p.is_file())} files")


def demo(
    leads: Annotated[int, typer.Option(min=200, help="How many leads to simulate.")] = 3000,
    seed: Annotated[int, typer.Option()] = 7,
    home: Annotated[Path | None, typer.Option(help="Where to leave it all.")] = None,
) -> None:
    """The whole loop on simulated journeys."""
    require("serve", "train", "monitor")
    from config.settings import quiet_libraries

    quiet_libraries()
    from leadscore.commands.demo import run

    run(leads, seed, home)
