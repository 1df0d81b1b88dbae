"""Commands about leads: who they are, what is known of them, how they score."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from leadscore.options import AsJson
from leadscore.output import put, put_json, say
from leadscore.progress import counting

if TYPE_CHECKING:
    from domain.scores import ScoreAnswer

Lead = Annotated[
    str, typer.Argument(metavar="KEY", help="A lead id, or kind:value, such as email:a@b.de.")
]


def score(
    leads: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Lead ids, or kind:value, such as crm_id:42."),
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Every lead.")] = False,
    out: Annotated[Path | None, typer.Option(help="Write a Parquet file.")] = None,
    as_json: AsJson = False,
) -> None:
    """Score leads: explained, decided, recorded."""
    from leadscore.lookup import find
    from wiring.batch import score_all
    from wiring.quality_store import store
    from wiring.scoring import open_scoring
    from wiring.settings import load_settings, quiet_libraries

    if everyone == bool(leads):
        raise BadInput("name leads, or give --all", rule="score-whom")
    if everyone and out is None:
        raise BadInput("--all writes a file", rule="score-out", todo="Give --out FILE.parquet.")
    quiet_libraries()
    settings = load_settings()
    scoring = open_scoring(settings)
    if everyone and out is not None:
        with counting("leads scored") as counter:
            done = score_all(scoring, out, counter.add, say)
        store(settings, scoring.findings)
        put(f"{done:,} leads in {out}")
        return
    refs = [find(scoring.plane.directory, key) for key in leads or ()]
    answers = scoring.answerer.score([ref.lead_id for ref in refs])
    if out is not None:
        from wiring.batch import write_answers

        write_answers(answers, out)
    if as_json:
        put_json(answers)
        return
    for answer in answers:
        put(story(answer))


def story(answer: "ScoreAnswer") -> str:
    """One answer, as a person would read it."""
    d = answer.decision
    v, standing = answer.versions, f"better than {answer.percentile:.0f}% of leads"
    routed = f"queue {d.queue}, priority {d.priority}, next: {d.next_best_action}"
    rules = ", ".join(d.rules)
    lines = [
        f"{answer.lead_id}: {answer.score:.1%} likely, grade {answer.grade}, {standing}",
        *(f"  {'+' if r.contribution > 0 else '-'} {r.text}" for r in answer.reasons),
        f"  -> {'' if d.eligible else 'not eligible; '}{d.action}, {routed} ({rules})",
        f"  {v.model} ({answer.arm}), {v.feature_service}, {v.policy}",
        f"  features as of {answer.features_as_of[:16]}, decision {answer.decision_id}",
    ]
    return "\n".join(lines)
