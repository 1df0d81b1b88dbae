"""Commands about what happened: simulate, ingest, quarantine."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from domain.errors import LeadscoreError, Refused
from domain.findings import QualityFindings
from leadscore.terminal.interruption import interrupted_with
from leadscore.terminal.left_out import say_left_out
from leadscore.terminal.options import AsJson, OutFile, group
from leadscore.terminal.output import put, put_json, put_table, say
from leadscore.terminal.progress import counting

if TYPE_CHECKING:
    from collections.abc import Mapping

    from domain.signals import Counts
    from jobs.signals.ingest_files import FileCounts

quarantine = group("Signals that could not be accepted: kept whole, with the rule they broke.")


def simulate(
    out: OutFile,
    leads: Annotated[int, typer.Option(min=1, help="How many leads the CRM knows.")] = 1000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same file.")] = 7,
    scenario: Annotated[
        str,
        typer.Option(
            help="steady; drift: behaviour and chances change; broken-feed: a source falls nearly "
            "silent; identity: shared, borrowed, constant and claimed identifiers, and the truth "
            "says whose every signal is."
        ),
    ] = "steady",
) -> None:
    """Simulate buying journeys with known truth, as JSON lines of signals."""
    from simulation.scenarios import scenario as named
    from simulation.simulator import simulate as run
    from simulation.writer import write

    written = write(run(leads, seed, named(scenario)), out)
    put(f"{written.received:,} signals in {written.signals}")
    put(f"the truth about them in {written.truth}")


def ingest(
    files: Annotated[
        list[str], typer.Argument(help="JSON, CSV, Parquet, .xlsx, gzip; - is stdin.")
    ],
    mapping: Annotated[Path | None, typer.Option(help="How a table's rows become events.")] = None,
    let_through: Annotated[
        bool, typer.Option("--let-through", help="No quality gate stops a batch; it is counted.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Take signals in: checked, deduplicated, resolved to leads, logged, made features."""
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.ingest_files import FileCounts, ingest_files

    quiet_libraries()
    counts: dict[str, FileCounts] = {}
    findings = QualityFindings()
    try:
        with (
            counting("rows") as counter,
            interrupted_with(
                lambda: (
                    f"{len(counts)} of {len(files)} files are taken in whole, and "
                    f"{counter.done:,} rows are committed in all"
                ),
                "The same command takes the rest in; what is in already counts as duplicates.",
            ),
        ):
            ingest_files(
                load_settings(),
                files,
                mapping,
                counter.add,
                let_through=let_through,
                done=counts,
                findings=findings,
            )
    except LeadscoreError:
        if counts:
            _put_counts(counts, as_json=as_json)
            say_left_out(findings)
        raise
    _put_counts(counts, as_json=as_json)
    say_left_out(findings)


def _put_counts(counts: "dict[str, FileCounts]", *, as_json: bool) -> None:
    if as_json:
        put_json(counts)
        return
    put_table(
        ["file", "received", "accepted", "duplicates", "quarantined"],
        [
            [Path(f).name, c.received, c.accepted, c.duplicates, c.quarantined]
            for f, c in counts.items()
        ],
    )
    if cured := sum(c.cured for c in counts.values()):
        say(f"{cured:,} that were in quarantine have come in now, and left it.")
    if any(c.quarantined for c in counts.values()):
        say("`leadscore quarantine list` shows what was quarantined, and why.")
    _put_wanting(counts)


def _put_wanting(counts: "dict[str, FileCounts]") -> None:
    rows = [
        [Path(f).name, left.where, left.rule, left.count]
        for f, count in counts.items()
        for left in count.left_out
    ]
    for f, count in counts.items():
        if count.unmet:
            say(f"{Path(f).name}: no row became {', '.join(count.unmet)}. Does its `when` fit?")
    if rows:
        put("")
        put_table(["file", "left out of its rows", "rule", "cells"], rows)
        say("docs/mapping.md tells what each rule asks, and how the cells come in afterwards.")


@quarantine.command("list")
def list_quarantine(
    rule: Annotated[str | None, typer.Option(help="Only those that broke this rule.")] = None,
    limit: Annotated[int, typer.Option(min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """What is quarantined, newest first, and how much by rule."""
    from config.settings import load_settings
    from signals.store import quarantine as quarantine_store
    from wiring.signals import open_signals

    engine = open_signals(load_settings()).engine
    listed, counts = quarantine_store.listed(engine, rule, limit), quarantine_store.by_rule(engine)
    if as_json:
        put_json({"by_rule": counts, "quarantined": listed})
        return
    if not counts:
        put("nothing is in quarantine")
        return
    put_table(["rule", "held"], list(counts.items()))
    put("")
    put_table(
        ["id", "rule", "from", "line", "detail"],
        [[q.id, q.rule, q.origin, q.line, q.detail] for q in listed],
    )


@quarantine.command("show")
def show_quarantine(quarantine_id: Annotated[str, typer.Argument(metavar="ID")]) -> None:
    """One quarantined document, as it came. It may hold personal data."""
    from config.settings import load_settings
    from signals.store import quarantine as quarantine_store
    from wiring.signals import open_signals

    body = quarantine_store.body_of(open_signals(load_settings()).engine, quarantine_id)
    put(body.decode(errors="backslashreplace").rstrip("\n"))


@quarantine.command("replay")
def replay_quarantine(as_json: AsJson = False) -> None:
    """Try everything in quarantine again: after a contract was mended, say. Exit 1: all stays.

    A row of a table can't be tried without its file: ingest that again with the mended mapping.
    """
    from config.settings import load_settings, quiet_libraries
    from signals.store import quarantine as quarantine_store
    from wiring.signals import open_signals

    quiet_libraries()
    plane = open_signals(load_settings())
    counts = plane.ingest.replay_quarantine()
    files = quarantine_store.files_of_rows(plane.engine)
    if as_json:
        put_json({**msgspec.structs.asdict(counts), "rows_of": files})
    else:
        _put_replayed(counts, files)
    if counts.received and counts.received == counts.quarantined:
        raise Refused(
            f"nothing left quarantine: all {counts.received:,} documents stay",
            rule="nothing-accepted",
            todo="`leadscore quarantine list` shows which rules they break.",
        )


def _put_replayed(counts: "Counts", files: "Mapping[str, int]") -> None:
    put(
        f"{counts.received:,} tried: {counts.accepted:,} accepted, "
        f"{counts.duplicates:,} duplicates, {counts.quarantined:,} stay"
    )
    if files:
        rows = ", ".join(f"{n:,} of {name}" for name, n in files.items())
        put(f"rows of tables stay: {rows}")
        put(
            "Mend the mapping, then `leadscore ingest FILE --mapping M.yaml`: what comes in leaves."
        )


@quarantine.command("verify")
def verify_quarantine(as_json: AsJson = False) -> None:
    """Prove that nothing was lost: received = accepted + duplicates + quarantined.

    Accepted and quarantined are counted anew, in the log and in quarantine. What was quarantined
    and has come in since counts as received once, and as cured.
    """
    from config.settings import load_settings
    from signals.events import event_log
    from wiring.signals import open_signals

    totals, logged, kept = event_log.verify(open_signals(load_settings()).engine)
    sound = (totals.accepted, totals.quarantined) == (logged, kept) and (
        totals.received == logged + totals.duplicates + kept
    )
    if as_json:
        put_json({"totals": totals, "in_log": logged, "in_quarantine": kept, "sound": sound})
    else:
        put(
            f"{totals.received:,} received = {logged:,} in the log + {totals.duplicates:,} "
            f"duplicates + {kept:,} in quarantine: {'true' if sound else 'NOT TRUE'}"
        )
        if totals.cured:
            put(f"{totals.cured:,} were in quarantine and have come in since")
    if not sound:
        raise Refused(
            f"the totals say {totals.accepted:,} accepted and {totals.quarantined:,} quarantined",
            rule="nothing-lost",
            todo="The database was changed by hand; restore it from a backup.",
        )
