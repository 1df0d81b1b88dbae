"""The command try: from an export to ranked leads, in a home of its own."""

import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.extras import require
from leadscore.commands.models import user
from leadscore.commands.start import proposal as guesses
from leadscore.terminal.output import put, put_table, say
from leadscore.terminal.pages import show_page
from leadscore.terminal.progress import counting, training_progress
from leadscore.terminal.questions import asking, guesses_first
from signals.guessing.questions import Answers

if TYPE_CHECKING:
    from config.settings import Settings
    from domain.versions.manifest import ModelVersion
    from jobs.decisions.try_files import RankedRow
    from jobs.signals.propose_mapping import Proposal

SHOWN = 10
"""Leads of the ranking that are shown."""

_REASONS = 80


def try_export(
    files: guesses.Files,
    home: Annotated[
        Path | None, typer.Option(help="The home; else leadscore-NAME in this folder.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the search.")] = None,
    name: guesses.Name = "",
    yes: Annotated[bool, typer.Option("--yes", help="Take guesses; ask nothing.")] = False,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the evaluation in a browser.")
    ] = True,
    encoding: guesses.Encoding = "",
    sheet: guesses.Sheet = "",
    date_order: guesses.DateOrder = "",
    decimal: guesses.Decimal = "",
    time_zone: guesses.TimeZone = "",
    outcome: guesses.Outcome = "",
    key: guesses.Key = "",
    created: guesses.Created = "",
) -> None:
    """Rank the leads of an export: init, ingest, train, score and report in a home of its own.

    Guesses are taken; only what cannot be guessed is asked.
    """
    require("train", "serve", "monitor")
    from config.settings import quiet_libraries
    from jobs.decisions.try_files import fresh_home
    from jobs.signals.propose_mapping import propose, tried, write

    quiet_libraries()
    began = time.monotonic()
    answers = Answers(
        encoding=encoding,
        sheet=sheet,
        date_order=date_order,
        decimal=decimal,
        time_zone=time_zone,
        outcome=outcome,
        key=key,
        created=created,
    )
    say("\n== looking at the files")
    proposal = propose(files, answers, asking(take_guesses=True) if yes else guesses_first, name)
    guesses.put_proposal(proposal, tried(proposal))
    folder = home or Path(f"leadscore-{proposal.mapping.file.name}")
    settings = fresh_home(folder)
    mapping, training = write(proposal, folder)
    _ingest(settings, files, mapping)
    version = _train(settings, training, trials)
    leads = _rank(settings, proposal, files)
    report = _report(settings)
    _summary(settings, version, leads)
    put(f"{'took':<13}{time.monotonic() - began:.0f} s, all of it in {folder}")
    put(f"{'guesses':<13}{mapping} and {training}: their comments say why")
    if report is not None:
        show_page("report", report)
    show_page("evaluation", _evaluation(settings, version), open_it=open_page)
    _where_next(folder, leads)


def _ingest(settings: "Settings", files: list[str], mapping: Path) -> None:
    from jobs.interrupts import interrupts_restored
    from jobs.signals.ingest_files import ingest_files

    say("\n== ingesting: contracts, identity, state, online features")
    with counting("rows") as counter, interrupts_restored():
        counts = ingest_files(settings, files, mapping, counter.add)
    put_table(
        ["file", "received", "accepted", "duplicates", "quarantined"],
        [
            [Path(f).name, c.received, c.accepted, c.duplicates, c.quarantined]
            for f, c in counts.items()
        ],
    )


def _train(settings: "Settings", training: Path, trials: int | None) -> "ModelVersion":
    from jobs.decisions.try_files import crown, train_without_leaks
    from jobs.interrupts import interrupts_restored

    say("\n== training")
    with interrupts_restored(), training_progress() as progress:
        version = train_without_leaks(settings, training, progress, user(), trials)
        objection = crown(settings, version.label, user())
    if objection:
        put(f"A gate refuses this version: {objection}")
        put("It ranks nevertheless, in this home; do not act on it before you know why.")
    return version


def _rank(settings: "Settings", proposal: "Proposal", files: list[str]) -> "list[RankedRow]":
    from jobs.decisions.try_files import RANKED, ranking, score_everyone, write_ranking

    say("\n== scoring every lead")
    with counting("leads scored") as counter:
        score_everyone(settings, counter.add)
    leads = ranking(settings, proposal.mapping, map(Path, files))
    write_ranking(leads, settings.home / RANKED)
    return leads


def _report(settings: "Settings") -> Path | None:
    """The monitoring report; None where no open lead was scored, of which it tells."""
    from domain.errors import NoModel
    from jobs.models.monitor import write_report

    say("\n== reporting")
    try:
        write_report(settings, settings.home / "reports")
    except NoModel:
        say("  all leads are decided: the report tells of open ones")
        return None
    return settings.home / "reports" / "report.html"


def _summary(settings: "Settings", version: "ModelVersion", leads: "list[RankedRow]") -> None:
    from jobs.decisions.try_files import RANKED

    open_leads = [lead for lead in leads if not lead.won]
    put("\nThe likeliest of those that are not won yet:")
    put_table(
        ["rank", "lead", "score", "grade", "why"],
        [
            [one.rank, one.lead, f"{one.score:.1%}", one.grade, _short(one.reasons)]
            for one in open_leads[:SHOWN]
        ],
    )
    m = version.metrics
    put(f"\n{'leads':<13}{len(leads):,} ranked in {settings.home / RANKED}")
    put(f"{'how good':<13}AUROC {m['auroc']}, lift at 10% {m['lift_at_10pct']}, on its last leads")


def _short(text: str) -> str:
    return text if len(text) <= _REASONS else text[: _REASONS - 1] + "…"


def _evaluation(settings: "Settings", version: "ModelVersion") -> Path:
    from wiring.registry import open_registry

    registry = open_registry(settings)
    folder, _ = registry.fetch(registry.get(version.label))
    return folder / "evaluation.html"


def _where_next(folder: Path, leads: "list[RankedRow]") -> None:
    home = f"LEADSCORE_HOME={shlex.quote(str(folder))}"
    key = next((shlex.quote(one.lead) for one in leads if not one.won), "KEY")
    put("\nWhere to look next:")
    put(f"  {home} leadscore score {key}")
    put(f"  {home} leadscore models show 1")
    put(f"  {home} leadscore serve")
