"""Commands about who is who: a lead's identifiers and why they are one person's; undo a merge."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from leadscore.terminal.left_out import OTHER_RULES
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say

if TYPE_CHECKING:
    from domain.ports import LeadRef
    from signals.identity.directory import KnownIdentifier, SharedEvent
    from wiring.signals import SignalPlane

identity = group("Who is who.")
Lead = Annotated[
    str, typer.Argument(metavar="KEY", help="A lead id, or kind:value, such as email:a@b.de.")
]


@identity.command("show")
def show_identity(key: Lead, as_json: AsJson = False) -> None:
    """Who this is, and why: its identifiers, what is kept apart, the merges and splits."""
    from config.settings import load_settings
    from domain.clock import iso
    from leadscore.terminal.lookup import find
    from signals.identity.explanations import reasons
    from wiring.signals import open_signals

    settings = load_settings()
    plane = open_signals(settings)
    directory = plane.directory
    ref = find(directory, key)
    names, apart = directory.names(ref), directory.kept_apart(ref)
    because = reasons(plane.engine, settings.identity.protections, [*names, *apart])
    together, separated = directory.together(ref), directory.separated(ref)
    changes = [{**m, "known": iso(int(str(m.pop("known_us"))))} for m in directory.story(ref)]
    _say_if_other_rules(plane)
    facts = _Facts(ref, names, apart, because, together, separated, changes)
    if as_json:
        put_json(_as_document(facts))
    else:
        _show(facts)


class _Facts(NamedTuple):
    """All that is shown of a lead's identity; `because` and `separated` are by key."""

    ref: "LeadRef"
    names: Sequence["KnownIdentifier"]
    apart: Sequence["KnownIdentifier"]
    because: Mapping[str, str]
    together: Sequence["SharedEvent"]
    separated: Mapping[str, str]
    changes: Sequence[Mapping[str, object]]


def _as_document(facts: _Facts) -> dict[str, object]:
    from domain.clock import iso
    from domain.identifiers import kind_of

    def known(one: "KnownIdentifier") -> dict[str, object]:
        because = facts.because.get(one.key, "")
        return {"kind": kind_of(one.key), "key": one.key, "rule": one.rule, "because": because}

    return {
        "lead_id": facts.ref.lead_id,
        "account_id": facts.ref.account_id,
        "identifiers": [known(name) for name in facts.names],
        "kept_apart": [
            {**known(n), "lead_id": n.lead_id, "decided": facts.separated.get(n.key, "")}
            for n in facts.apart
        ],
        "together": [{**t._asdict(), "known_us": iso(t.known_us)} for t in facts.together],
        "changes": facts.changes,
    }


def _show(facts: _Facts) -> None:
    from domain.clock import iso
    from domain.identifiers import kind_of

    ref, because = facts.ref, facts.because
    kinds = [kind_of(n.key) for n in facts.names]
    counted = ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))
    put(f"{ref.lead_id}, account {ref.account_id or 'none'}, known by {counted or 'nothing'}")
    for name in facts.names:
        if name.rule:
            put(f"its {kind_of(name.key)} joins nothing: {_words(name.rule, because[name.key])}")
    for name in facts.apart:
        decided = facts.separated.get(name.key)
        why = _words(name.rule, because[name.key]) if name.rule else decided
        why = why or "the two would not be one person"
        put(f"kept apart: a {kind_of(name.key)} of {name.lead_id}: {why}")
    put_table(
        ["since", "identifiers", "came together on"],
        [
            [iso(t.known_us), f"{kind_of(t.key)}, {kind_of(t.other)}", t.type]
            for t in facts.together
        ],
    )
    if facts.changes:
        put_table(
            ["when", "lead", "into", "because"],
            [[m["known"], m["lead_id"], m["into_lead"], m["reason"]] for m in facts.changes],
        )


@identity.command("rules")
def rules() -> None:
    """By what rules identifiers are read and joined here, as JSON: limits, region, lists."""
    from config.settings import load_settings
    from jobs.signals.identity_rules import rules_in_force

    put_json(rules_in_force(load_settings()))


def _words(rule: str, because: str) -> str:
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
