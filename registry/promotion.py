"""Promotion: the gates of a stage, then the move, with what the gates said in the ledger."""

from dataclasses import dataclass

from domain.errors import LeadscoreError
from domain.versions import Manifest, ModelVersion, Stage
from registry.entry import GateResult
from registry.gates import GateRules, load_gates, run_gates
from registry.plan import DEFAULT_WEIGHT, Mode, RolloutPlan
from registry.store import Registry
from registry.transitions import Author, Share, Verdict


@dataclass(frozen=True, slots=True)
class Promotion:
    """What was done: `override` says that a gate failed and was overruled."""

    version: ModelVersion
    former: Stage
    gates: tuple[GateResult, ...]
    override: bool
    rollout: RolloutPlan | None


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which terms a version is promoted.

    `rules` are the gates (None: the standard ones). `weight` is the share of accounts that a new
    challenger gets at once, where there is a champion (None: no rollout).
    """

    rules: GateRules | None = None
    weight: float | None = DEFAULT_WEIGHT
    mode: Mode = "canary"


def promote(
    registry: Registry,
    label: str,
    stage: Stage,
    *,
    by: str,
    reason: str,
    override: bool = False,
    terms: Terms | None = None,
) -> Promotion:
    """Move a version to a stage if that stage's gates let it; `override` overrules them.

    Raises GateRefusal (a Refused; `results` holds what the gates said) where a gate fails,
    BadInput without a reason, and what `Registry.transition` raises.
    """
    Author(by, reason)  # before the gates take their time
    terms = terms or Terms()
    former = registry.get(label)
    verdict = judge(registry, former, stage, terms.rules, override=override)
    share = None if terms.weight is None else Share(registry.now(), terms.weight, terms.mode)
    standing = registry.transition(
        former, stage, by=by, reason=reason, verdict=verdict, share=share
    )
    return Promotion(
        version=registry.get(former.label),
        former=former.stage,
        gates=verdict.gates,
        override=not all(result.passed for result in verdict.gates),
        rollout=standing.rollout,
    )


def judge(
    registry: Registry,
    version: ModelVersion,
    stage: Stage,
    rules: GateRules | None = None,
    *,
    override: bool = False,
) -> Verdict:
    """What the gates of a stage say of a version, compared with the present champion.

    A champion whose files cannot be opened is a failed gate of its own.
    """
    rules = rules or load_gates()
    if not rules.of(stage):
        return Verdict(override=override)
    champion = registry.at(Stage.CHAMPION)
    theirs, faults = _open_champion(registry, champion)
    _, manifest = registry.fetch(version)
    return Verdict(
        gates=(*run_gates(rules.of(stage), manifest, theirs), *faults),
        rules=rules.label,
        override=override,
        champion="" if champion is None else champion.label,
    )


def _open_champion(
    registry: Registry, champion: ModelVersion | None
) -> tuple[Manifest | None, list[GateResult]]:
    if champion is None:
        return None, []
    try:
        return registry.fetch(champion)[1], []
    except LeadscoreError as bad:
        fault = GateResult(
            name="champion_opens", value=None, limit=None, passed=False, note=str(bad)
        )
        return None, [fault]
