"""Which entries a change makes, or why it cannot be made. Pure: a standing in, drafts out."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from domain.errors import BadInput, Missing, NoModel, Refused
from domain.versions.manifest import Stage
from registry.ledger_entry import ChangeKind, GateResult, LedgerDraft, LedgerEntry, Registration
from registry.registry_state import RegistryState
from registry.rollout_decision import RolloutEvidence
from registry.rollout_spec import STANDARD, RolloutSpec, begin
from registry.rollout_state import Rollout

ALREADY = "stage-differs"
"""The rule by which a move to the stage that a version has is refused."""


@dataclass(frozen=True, slots=True)
class Author:
    """The author of a change, and the reason. Raises BadInput where either is blank.

    `credential`: the identity that the change was authenticated by, whatever name is given; "" for
    none.
    """

    by: str
    reason: str
    credential: str = ""

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise BadInput("`by` must not be empty.", rule="author-named", todo="Give --by NAME.")
        if not self.reason.strip():
            raise BadInput(
                "A change needs a reason.", rule="reason-given", todo="Give --reason TEXT."
            )


@dataclass(frozen=True, slots=True)
class ArmAllocation:
    """How a challenger is rolled out, from which moment (RFC 3339)."""

    started: str
    course: RolloutSpec = STANDARD


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """What the gates said of a promotion.

    `champion` is the label that they compared with ("" for none): the promotion is refused where
    another version has become champion since. None: they compared with nothing.
    `second_approver` says that the rules ask for a second person before a champion is made.
    `options` are those of the command line that let through what failed, where there are some.
    """

    gates: tuple[GateResult, ...] = ()
    rules: str = ""
    override: bool = False
    champion: str | None = None
    second_approver: bool = False
    options: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every gate lets it through."""
        return all(result.passed for result in self.gates)


class GateRefusal(Refused):
    """A gate failed and was not overruled. `results` holds the result of every gate."""

    def __init__(
        self, label: str, results: Sequence[GateResult], options: Sequence[str] = ()
    ) -> None:
        """`options` let what failed through, each by stating what it is."""
        self.results = tuple(results)
        failed = [result.name for result in results if not result.passed]
        stated = f"`{' '.join(options)}` states that it is meant. " if options else ""
        super().__init__(
            f"{label} did not pass: {', '.join(failed)}",
            rule="gates-passed",
            todo=f"{stated}`--override` overrules every gate, marked in the ledger.",
        )


def registered(registration: Registration, author: Author) -> LedgerDraft:
    """The entry of a new candidate."""
    return LedgerDraft(
        kind="registered",
        subject=registration.version.label,
        by=author.by,
        reason=author.reason,
        to_stage=Stage.CANDIDATE,
        registration=registration,
    )


def move(
    standing: RegistryState, label: str, stage: Stage, author: Author, verdict: GateVerdict
) -> list[LedgerDraft]:
    """The entries of a version's move to a stage; a running rollout ends where it loses an arm.

    Raises Missing (unknown version) and Refused: already there, the champion would be taken away
    without another in its place, a gate failed, or the champion changed meanwhile.
    """
    former = _movable(standing, label, stage)
    overruled = _judge(standing, label, verdict)
    served = (Stage.CHAMPION, Stage.CHALLENGER)
    moved = LedgerDraft(
        kind="promoted" if stage in served else "demoted",
        subject=label,
        by=author.by,
        reason=author.reason,
        from_stage=former,
        to_stage=stage,
        gates=verdict.gates,
        rules=verdict.rules,
        override=overruled,
    )
    loses_an_arm = stage in served or former == Stage.CHALLENGER
    through = stage == Stage.CHAMPION and former == Stage.CHALLENGER
    ended = end_rollout(standing, author, "rollout_finished" if through else "rollout_ended")
    return [*(ended if loses_an_arm else []), moved]


def _movable(standing: RegistryState, label: str, stage: Stage) -> Stage:
    """The stage that a version moves from."""
    present = standing.stages.get(label)
    if present is None:
        raise Missing(f"no version {label!r} is registered", rule="version-known")
    if present == stage:
        raise Refused(
            f"{label} is {stage} already",
            rule=ALREADY,
            todo="Nothing to do. Use `--stage` to name another stage.",
        )
    if present == Stage.CHAMPION:
        raise Refused(
            f"{label} is champion and cannot become {stage}",
            rule="champion-replaced",
            todo="Promote another version with `--stage champion`, or roll back with `rollback`.",
        )
    return present


def _judge(standing: RegistryState, label: str, verdict: GateVerdict) -> bool:
    """Whether a failed gate is overruled."""
    if not verdict.passed and not verdict.override:
        raise GateRefusal(label, verdict.gates, verdict.options)
    if verdict.champion is not None and verdict.champion != (standing.champion or ""):
        raise Refused(
            f"{standing.champion} became champion while {label} was being checked",
            rule="champion-unchanged",
            todo="Promote again, so that the gates compare with the new champion.",
        )
    return not verdict.passed


def request(
    standing: RegistryState, label: str, author: Author, verdict: GateVerdict
) -> list[LedgerDraft]:
    """The entry that asks for a promotion to champion; raises what `move` raises."""
    former = _movable(standing, label, Stage.CHAMPION)
    overruled = _judge(standing, label, verdict)
    return [
        LedgerDraft(
            kind="requested",
            subject=label,
            by=author.by,
            reason=author.reason,
            from_stage=former,
            to_stage=Stage.CHAMPION,
            gates=verdict.gates,
            rules=verdict.rules,
            override=overruled,
        )
    ]


def requested(standing: RegistryState, label: str) -> LedgerEntry:
    """The request for a version that waits. Raises Missing where there is none."""
    waiting = standing.requests.get(label)
    if waiting is None:
        raise Missing(
            f"no promotion of {label} waits for approval",
            rule="promotion-requested",
            todo="Promote it with `--stage champion`: that makes the request.",
        )
    return waiting


def approve(
    standing: RegistryState, label: str, author: Author, verdict: GateVerdict
) -> list[LedgerDraft]:
    """The entries that complete a request, made by another person than its author.

    Raises Missing where none waits, Refused for the same person, and what `move` raises.
    """
    waiting = requested(standing, label)
    if _same(waiting.by, author.by) or _same_credential(waiting, author):
        raise Refused(
            f"{label} was requested by the same person, or with the same credential.",
            rule="second-approver",
            todo="Another person must approve it, from an account or with a credential of their "
            "own: another name does not count.",
        )
    *before, moved = move(standing, label, Stage.CHAMPION, author, verdict)
    return [*before, msgspec.structs.replace(moved, approves=waiting.sequence)]


def _same(one: str, other: str) -> bool:
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def _same_credential(waiting: LedgerEntry, author: Author) -> bool:
    return bool(author.credential) and waiting.credential == author.credential


def back(standing: RegistryState, author: Author) -> list[LedgerDraft]:
    """The entries of a return to what was in force before the champion.

    That is the champion before; of policies and workflows, before the first champion, the one that
    comes with the product or the home's own file: then the entry archives the champion. Raises
    Missing where there is neither.
    """
    if len(standing.reigns) > 1:
        label, to_stage = standing.reigns[-2], Stage.CHAMPION
    elif standing.reigns and standing.kind != "model":
        label, to_stage = standing.reigns[-1], Stage.ARCHIVED
    else:
        raise Missing(
            "there is no former champion to go back to",
            rule="former-champion",
            todo="Promote a version with `--stage champion`.",
        )
    return [
        *end_rollout(standing, author),
        LedgerDraft(
            kind="rolled_back",
            subject=label,
            by=author.by,
            reason=author.reason,
            from_stage=standing.stages[label],
            to_stage=to_stage,
        ),
    ]


def start_rollout(
    standing: RegistryState, share: ArmAllocation, author: Author
) -> list[LedgerDraft]:
    """The entry that starts a rollout of the challenger.

    Raises NoModel where either arm is missing.
    """
    if standing.champion is None or standing.challenger is None:
        raise NoModel(
            "a rollout needs a champion and a challenger",
            rule="rollout-arms",
            todo="Promote a version with `--stage champion` and one with `--stage challenger`.",
        )
    name, arms = f"rollout-{standing.sequence + 1}", (standing.champion, standing.challenger)
    plan = begin(share.course, name, standing.kind, arms, share.started)
    return [rollout_entry("rollout_started", plan, author)]


def running(standing: RegistryState) -> Rollout:
    """The rollout under way. Raises Missing where there is none."""
    if standing.rollout is None:
        raise Missing(
            "no rollout is under way",
            rule="rollout-running",
            todo="`leadscore rollout start --reason TEXT` starts one.",
        )
    return standing.rollout


def end_rollout(
    standing: RegistryState, author: Author, kind: ChangeKind = "rollout_ended"
) -> list[LedgerDraft]:
    """The entry that ends the rollout under way, if there is one."""
    plan = standing.rollout
    return [] if plan is None else [rollout_entry(kind, plan, author)]


def rollout_entry(
    kind: ChangeKind, plan: Rollout, author: Author, evidence: RolloutEvidence | None = None
) -> LedgerDraft:
    """The entry that puts `plan` in the place of the one with its id, or ends it."""
    return LedgerDraft(
        kind=kind,
        subject=plan.challenger or plan.id,
        by=author.by,
        reason=author.reason,
        rollout=plan,
        evidence=evidence,
    )
