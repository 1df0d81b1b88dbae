"""Commands about leads: who they are, what is known of them, how they score."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.extras import require
from domain.errors import BadInput, Missing
from leadscore.terminal.interruption import interrupted_with
from leadscore.terminal.options import AsJson
from leadscore.terminal.output import put, put_json, say
from leadscore.terminal.progress import counting

if TYPE_CHECKING:
    from config.settings import Settings
    from domain.scores import ScoreAnswer
    from domain.what_if import FeatureValue, WhatIf

Lead = Annotated[
    str, typer.Argument(metavar="KEY", help="A lead id, or kind:value, such as email:a@b.de.")
]


def score(
    leads: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Lead ids, or kind:value, such as crm_id:42."),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every lead.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write .parquet, .csv or .jsonl.")] = None,
    what_if: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=VALUE", help="As if a feature were so; records nothing."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score leads: explained, decided, recorded."""
    require("serve")
    from config.settings import load_settings, quiet_libraries
    from jobs.decisions.score_files import check_out
    from leadscore.terminal.lookup import find
    from wiring.scoring import open_scoring

    if what_if:
        ask_what_if(leads or [], what_if, alone=not everyone and out is None, as_json=as_json)
        return
    if everyone == bool(leads):
        raise BadInput("name leads, or give --all", rule="score-whom")
    if everyone and out is None:
        raise BadInput("--all writes a file", rule="score-out", todo="Give --out FILE.parquet.")
    if out is not None:
        check_out(out)
    quiet_libraries()
    settings = load_settings()
    if everyone and out is not None:
        _score_everyone(settings, out)
        return
    scoring = open_scoring(settings)
    refs = [find(scoring.plane.directory, key) for key in leads or ()]
    answers = scoring.answerer.score([ref.lead_id for ref in refs])
    if out is not None:
        from jobs.decisions.batch_scoring import write_answers

        write_answers(answers, out)
    if as_json:
        put_json(answers)
        return
    for answer in answers:
        put(story(answer))


def _score_everyone(settings: "Settings", out: Path) -> None:
    from jobs.decisions.batch_scoring import score_all
    from jobs.signals.quality_report import store
    from wiring.scoring import open_scoring

    scoring = open_scoring(settings)
    with (
        counting("leads scored") as counter,
        interrupted_with(
            lambda: f"{counter.done:,} leads are scored and recorded; {out} is not written"
        ),
    ):
        done = score_all(scoring, out, counter.add, say)
    store(settings, scoring.findings)
    if not done:
        raise Missing(
            "no lead is known, so none was scored",
            rule="no-leads",
            todo="`leadscore ingest FILE` takes signals in.",
        )
    put(f"{done:,} leads in {out}")


def ask_what_if(keys: list[str], changes: list[str], *, alone: bool, as_json: bool) -> None:
    """Show one lead as it is, and as it would be."""
    from config.settings import load_settings, quiet_libraries
    from leadscore.terminal.lookup import find
    from scoring.what_if import read_changes
    from wiring.scoring import open_scoring

    if len(keys) != 1 or not alone:
        raise BadInput("--what-if is asked of one lead, without --all and --out", rule="score-whom")
    quiet_libraries()
    scoring = open_scoring(load_settings())
    lead = find(scoring.plane.directory, keys[0])
    answer = scoring.what_ifs.ask(lead, read_changes(changes, scoring.plane.definition))
    put_json(answer) if as_json else put(supposed(answer))


def supposed(answer: "WhatIf") -> str:
    """A what-if answer, as a person would read it."""
    v = answer.versions
    lines = [f"{answer.lead_id}, if"]
    lines += [f"  {c.feature} were {_shown(c.now)} (it is {_shown(c.was)})" for c in answer.changes]
    for name, side in (("as it is", answer.before), ("as it would be", answer.after)):
        d, standing = side.decision, f"better than {side.percentile:.0f}% of leads"
        lines.append(f"{name}: {side.score:.1%} likely, grade {side.grade}, {standing}")
        lines += [f"  {'+' if r.contribution > 0 else '-'} {r.text}" for r in side.reasons]
        lines.append(f"  -> {'' if d.eligible else 'not eligible; '}{d.action}, queue {d.queue}")
    lines += [f"note: {note}" for note in answer.notes]
    return "\n".join([*lines, f"{v.model} ({answer.arm}), {v.policy}; nothing was recorded"])


def _shown(value: "FeatureValue") -> str:
    return "missing" if value is None else value if isinstance(value, str) else f"{value:,.6g}"


def story(answer: "ScoreAnswer") -> str:
    """One answer, as a person would read it."""
    d = answer.decision
    v, standing = answer.versions, f"better than {answer.percentile:.0f}% of leads"
    routed = f"queue {d.queue}, priority {d.priority}, next: {d.next_best_action}"
    routed += f", by {d.owner_pool}" if d.owner_pool else ""
    routed += f" within {d.service_level_h:g} h" if d.service_level_h else ""
    rules = ", ".join(d.rules)
    lines = [
        f"{answer.lead_id}: {answer.score:.1%} likely, grade {answer.grade}, {standing}",
        *(f"  {'+' if r.contribution > 0 else '-'} {r.text}" for r in answer.reasons),
        f"  -> {'' if d.eligible else 'not eligible; '}{d.action}, {routed} ({rules})",
        *([f"     because: {d.because}"] if d.because else []),
        f"  {v.model} ({answer.arm}), {v.feature_service}, {v.policy}",
        *([f"  degraded: {answer.degraded_by}"] if answer.degraded_by else []),
        f"  features as of {answer.features_as_of[:16]}, decision {answer.decision_id}",
    ]
    return "\n".join(lines)
