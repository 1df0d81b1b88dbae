"""Commands about who is who: a lead's identifiers and why they are one person's; undo a merge."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadscore.terminal.left_out import OTHER_RULES
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from wiring.signals import SignalPlane

identity = group("Who is who.")
Lead = Annotated[
    str, typer.Argument(metavar="KEY", help="A lead id, or kind:value, such as email:a@b.de.")
]


@identity.command("show")
def show_identity(key: Lead, as_json: AsJson = False) -> None:
    """Who this is, and why: its identifiers, what is kept apart, the merges and splits."""
    from config.settings import load_settings
    from jobs.leads.lead_identity import identity_document
    from leadscore.terminal.lookup import find
    from wiring.signals import open_signals

    settings = load_settings()
    plane = open_signals(settings)
    document = identity_document(settings, plane, find(plane.directory, key))
    _say_if_other_rules(plane)
    put_json(document) if as_json else _put_identity(document)


def _put_identity(document: dict[str, Any]) -> None:
    from domain.identifiers import kind_of

    names = document["identifiers"]
    kinds = Counter(name["kind"] for name in names)
    counted = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    account = document["account_id"] or "none"
    put(f"{document['lead_id']}, account {account}, known by {counted or 'nothing'}")
    for name in names:
        if name["rule"]:
            put(f"its {name['kind']} joins nothing: {_words(name)}")
    for name in document["kept_apart"]:
        why = _words(name) if name["rule"] else name["decided"]
        why = why or "the two would not be one person"
        put(f"kept apart: a {name['kind']} of {name['lead_id']}: {why}")
    put_table(
        ["since", "identifiers", "came together on"],
        [
            [one["known_us"], f"{kind_of(one['key'])}, {kind_of(one['other'])}", one["type"]]
            for one in document["together"]
        ],
    )
    if document["changes"]:
        put_table(
            ["when", "lead", "into", "because"],
            [
                [one["known"], one["lead_id"], one["into_lead"], one["reason"]]
                for one in document["changes"]
            ],
        )


@identity.command("rules")
def rules() -> None:
    """By what rules identifiers are read and joined here, as JSON: limits, region, lists."""
    from config.settings import load_settings
    from jobs.signals.identity_rules import rules_in_force

    put_json(rules_in_force(load_settings()))


def _words(name: dict[str, str]) -> str:
    rule, because = name["rule"], name["because"]
    return f"{because} ({rule})" if because else rule


def _say_if_other_rules(plane: "SignalPlane") -> None:
    if plane.writer.has_other_rules():
        say(OTHER_RULES)


@identity.command("split")
def split_identity(
    key: Lead,
    apart: Annotated[
        list[str], typer.Argument(metavar="IDENTIFIER...", help="kind:value, to be set apart.")
    ],
    reason: Annotated[str, typer.Option(help="Why; it is kept with the decision.")],
    as_json: AsJson = False,
) -> None:
    """Undo a wrong merge: set identifiers of a lead apart from its others, for good.

    States are made anew from the log. What comes later does not join the two sides again.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.split_lead import split
    from leadscore.terminal.lookup import find, identifier_of
    from wiring.signals import open_signals

    quiet_libraries()
    settings = load_settings()
    plane = open_signals(settings)
    leads = split(plane, find(plane.directory, key), [identifier_of(a) for a in apart], reason)
    if as_json:
        put_json({"leads": leads})
        return
    put(f"{len(leads)} leads now: {', '.join(leads)}")
