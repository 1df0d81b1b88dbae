"""Commands about leads: who they are, what is known of them, how they score."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from leadscore.options import AsJson, group
from leadscore.output import put, put_json, put_table, say
from leadscore.progress import counting

if TYPE_CHECKING:
    from domain.scores import ScoreAnswer

identity = group("Who is who.")
features = group("Named features.")
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
    from wiring.scoring import open_scoring
    from wiring.settings import load_settings, quiet_libraries

    if everyone == bool(leads):
        raise BadInput("name leads, or give --all", rule="score-whom")
    if everyone and out is None:
        raise BadInput("--all writes a file", rule="score-out", todo="Give --out FILE.parquet.")
    quiet_libraries()
    scoring = open_scoring(load_settings())
    if everyone and out is not None:
        with counting("leads scored") as counter:
            done = score_all(scoring, out, counter.add)
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


@identity.command("show")
def show_identity(key: Lead, as_json: AsJson = False) -> None:
    """Who this is: its account, what kinds of identifier name it, the merges that made it."""
    from domain.clock import iso
    from domain.identifiers import kind_of
    from leadscore.lookup import find
    from wiring.settings import load_settings
    from wiring.signals import open_signals

    directory = open_signals(load_settings()).directory
    ref = find(directory, key)
    names, apart = directory.names(ref), directory.kept_apart(ref)
    changes = [{**m, "known": iso(int(str(m.pop("known_us"))))} for m in directory.story(ref)]
    if as_json:
        put_json(
            {
                "lead_id": ref.lead_id,
                "account_id": ref.account_id,
                "identifiers": [
                    {"kind": kind_of(n.key), "key": n.key, "rule": n.rule} for n in names
                ],
                "kept_apart": [
                    {"kind": kind_of(n.key), "key": n.key, "lead_id": n.lead_id, "rule": n.rule}
                    for n in apart
                ],
                "changes": changes,
            }
        )
        return
    held = [kind_of(n.key) for n in names]
    counted = ", ".join(f"{held.count(kind)} {kind}" for kind in dict.fromkeys(held))
    put(f"{ref.lead_id}, account {ref.account_id or 'none'}, known by {counted or 'nothing'}")
    for name in names:
        if name.rule:
            put(f"its {kind_of(name.key)} joins nothing: {name.rule}")
    for name in apart:
        why = name.rule or "the two would not be one person"
        put(f"kept apart: a {kind_of(name.key)} of {name.lead_id}: {why}")
    put_table(
        ["when", "lead", "into", "because"],
        [[m["known"], m["lead_id"], m["into_lead"], m["reason"]] for m in changes],
    )


@features.command("show")
def show_features(
    lead: Lead,
    as_of: Annotated[str | None, typer.Option(help="A past moment, RFC 3339.")] = None,
    as_json: AsJson = False,
) -> None:
    """A lead's named features: as served now, or replayed from the log as of a past moment."""
    from leadscore.lookup import features_of
    from wiring.settings import load_settings, quiet_libraries

    quiet_libraries()
    found = features_of(load_settings(), lead, as_of)
    if as_json:
        put_json(found)
        return
    put_table(["feature", "value"], [[k, "-" if v is None else v] for k, v in found.items()])


@features.command("rebuild")
def rebuild_features(
    service: Annotated[Path | None, typer.Option(help="Another feature service, as YAML.")] = None,
) -> None:
    """Make every lead's state anew from the log, for the same or another feature service."""
    from feature_repo.standard import read_service
    from wiring.settings import load_settings, quiet_libraries
    from wiring.signals import definition_of, rebuild_states

    quiet_libraries()
    settings = load_settings()
    definition = definition_of(settings)
    if service is not None:
        if not service.is_file():
            raise BadInput("no such file", rule="feature-service-file", where=str(service))
        definition = read_service(service)
    with counting("events") as counter:
        done = rebuild_states(settings, definition, counter.add)
    put(f"{definition.label}: {done.accepted:,} events folded anew")
    say("Versions trained on features that are no longer kept cannot serve; train again.")
