"""Commands about decisions: the audit trail."""

from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import Refused
from leadscore.options import AsJson, group
from leadscore.output import put, put_json, put_table

if TYPE_CHECKING:
    from domain.decisions import DecisionRecord

audit = group("The record of every decision.")
DecisionId = Annotated[str, typer.Argument(metavar="ID")]


@audit.command("show")
def show(decision_id: DecisionId, as_json: AsJson = False) -> None:
    """One decision, with everything that made it."""
    from leadscore.leads_cli import story
    from wiring.decisions import open_trail
    from wiring.settings import load_settings

    record = open_trail(load_settings()).get(decision_id)
    if as_json:
        put_json(record)
        return
    put(story(record.answer))
    put_table(["shadow", "score"], list(record.shadow.items()))
    _put_arms(record)


def _put_arms(record: "DecisionRecord") -> None:
    """In which rollouts the account stood where, and what was decided unheard."""
    if record.assigned:
        put_table(
            ["rollout", "kind", "mode", "step", "weight", "holdout", "arm"],
            [
                [a.rollout, a.kind, a.mode, a.step + 1, f"{a.weight:g}", f"{a.holdout:g}", a.arm]
                for a in record.assigned
            ],
        )
    unheard = [(f"{label}, unheard", d) for label, d in record.shadow_decisions.items()]
    if record.drawn is not None:
        put(f"the routing was drawn by {record.drawn.rollout}, one of {record.drawn.among}")
        unheard.append((f"{record.answer.versions.policy}, not drawn", record.drawn.instead_of))
    if unheard:
        put_table(
            ["policy", "action", "queue", "priority", "next"],
            [[name, d.action, d.queue, d.priority, d.next_best_action] for name, d in unheard],
        )


@audit.command("replay")
def replay(decision_id: DecisionId, as_json: AsJson = False) -> None:
    """Make a decision again from its record; exit 1 where anything differs."""
    from wiring.replaying import replay as run
    from wiring.settings import load_settings, quiet_libraries

    quiet_libraries()
    differences = run(load_settings(), decision_id)
    if as_json:
        put_json({"decision_id": decision_id, "differences": differences})
    for line in [] if as_json else differences:
        put(line)
    if differences:
        raise Refused("the replay differs", rule="replay-equal", where=decision_id)
    if not as_json:
        put("the same answer")
