"""Commands about the bus: worker, publish."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from config.extras import require
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put_json, put_table, say
from leadscore.terminal.progress import counting

Mapped = Annotated[Path | None, typer.Option(help="How a table's rows become events.")]


def worker(
    batch: Annotated[
        int,
        typer.Option(min=1, help="Events in hand of a partition; more where few are held."),
    ] = 500,
    partitions: Annotated[
        int, typer.Option(min=1, help="Partitions of a stream that is not there yet.")
    ] = 8,
    lease: Annotated[
        float,
        typer.Option(min=0.5, help="Seconds after which a silent worker's work goes to others."),
    ] = 6.0,
    deliveries: Annotated[
        int, typer.Option(min=1, help="A message delivered more often is a dead letter.")
    ] = 5,
    metrics_port: Annotated[
        int | None, typer.Option(min=1, max=65535, help="Serve Prometheus metrics there.")
    ] = None,
    until_idle: Annotated[bool, typer.Option(help="End when nothing is pending.")] = False,
    give_up_after: Annotated[
        float,
        typer.Option(
            min=1,
            help="Seconds in which nothing moves, as while the bus is away, after which "
            "--until-idle ends with exit code 3.",
        ),
    ] = 60.0,
    mapping: Annotated[
        Path | None, typer.Option(help="The mapping whose features an empty home shall keep.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Consume events from the bus until interrupted. Several workers share the partitions."""
    require("bus")
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.worker import run_worker
    from signals.stream.options import StreamOptions

    quiet_libraries()
    options = StreamOptions(
        batch=batch, partitions=partitions, lease_s=lease, deliveries=deliveries
    )
    handler = run_worker(
        load_settings(),
        options,
        mapping=mapping,
        metrics_port=metrics_port,
        give_up_s=give_up_after if until_idle else None,
    )
    counts, tally = handler.commits.counts, handler.tally
    if as_json:
        put_json({"counts": counts, "commit_s": handler.commits.seconds, **asdict(tally)})
        return
    put_table(
        ["received", "accepted", "duplicates", "quarantined", "dead letters"],
        [
            [
                counts.received,
                counts.accepted,
                counts.duplicates,
                counts.quarantined,
                tally.dead.total(),
            ]
        ],
    )


def publish(
    files: Annotated[list[str], typer.Argument(help="JSONL, CSV, Parquet, gzip; - is stdin.")],
    mapping: Mapped = None,
    as_json: AsJson = False,
) -> None:
    """Put events on the bus, for workers to consume, keyed so that a lead's keep their order."""
    require("bus")
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.publish_files import publish_files
    from signals.identifiers.left_out import listed
    from signals.mapping.compiler import MappingCounts

    quiet_libraries()
    tally = MappingCounts()
    with counting("events") as counter:
        sent = publish_files(load_settings(), files, mapping, counter.add, tally)
    for left in listed(tally.left_out):
        say(f"{left.count:,} cells of {left.where} were left out: {left.rule}.")
    if as_json:
        put_json(sent)
        return
    put_table(["file", "published"], [[Path(f).name, n] for f, n in sent.items()])
    say("`leadscore worker` consumes them.")
