"""Commands about versions: train, list, promote, roll back."""

import getpass
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from config.extras import require
from domain.errors import BadInput
from domain.versions.manifest import ModelVersion, Stage
from leadscore.terminal.interruption import interrupted_with
from leadscore.terminal.options import AsJson, By, Reason, group
from leadscore.terminal.output import put, put_json, put_table, say
from leadscore.terminal.progress import training_progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from config.settings import Settings
    from registry.ledger_entry import GateResult
    from registry.promotion import Promotion
    from registry.store import Registry

models = group("Registered versions.")
Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A number, or a name such as lead-3.")
]


def user() -> str:
    """Who runs this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


def train(
    config: Annotated[
        Path | None, typer.Option(help="A training.yaml; the home's own, unless said.")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Trials of the search.")] = None,
    seed: Annotated[int | None, typer.Option(help="The same seed trains the same version.")] = None,
    search_only: Annotated[
        bool,
        typer.Option(help="Only take part in a search on `studies_db`; register nothing."),
    ] = False,
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Only where a trigger says so; recorded.")
    ] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Train a version on the log and register it as a candidate. Resumes when interrupted."""
    import msgspec

    from config.home_definition import definition_of
    from config.settings import load_settings, quiet_libraries
    from jobs.models.training_settings import training_config

    require("train")
    quiet_libraries()
    settings = load_settings()
    course = training_config(settings, config)
    changes = {k: v for k, v in {"trials": trials, "seed": seed}.items() if v is not None}
    course = msgspec.structs.replace(course, **changes)
    definition_of(settings)
    if if_needed and not _is_needed(settings, by or user(), as_json=as_json):
        return
    from jobs.models.train import take_part  # only now: it takes seconds to load
    from jobs.models.train import train as run

    if search_only:
        with training_progress() as progress:
            result = take_part(settings, course, progress)
        put_json(result) if as_json else put(f"study {result.study}: {result.parameters}")
        return

    with (
        interrupted_with(lambda: "no version was registered; the trials that are done stay"),
        training_progress() as progress,
    ):
        version = run(settings, course, progress, by or user())
    if as_json:
        put_json(_document(version))
        return
    put(f"registered {version.label}, stage {version.stage}")
    _put_metrics(version)
    say(f"`leadscore promote {version.version} --stage champion --reason TEXT` makes it serve.")


def _is_needed(settings: "Settings", by: str, *, as_json: bool) -> bool:
    """Whether the triggers ask for training; where not, why not is the answer."""
    from jobs.models.retrain_decision import consider

    result = consider(settings, by)
    if result.needed:
        say(f"training is needed: {result.why}")
    elif as_json:
        put_json(result)
    else:
        put(f"no training is needed: {result.why}")
    return result.needed


@models.command("list")
def list_models(as_json: AsJson = False) -> None:
    """Every version: stage, when it was made, how good it is."""
    versions = _registry().versions()
    if as_json:
        put_json([_document(v) for v in versions])
        return
    put_table(
        ["version", "stage", "created", "features", "AUROC", "log loss"],
        [
            [
                v.label,
                v.stage,
                v.created[:16],
                v.feature_service,
                v.metrics["auroc"],
                f"{v.metrics['log_loss'].value:.4f}",
            ]
            for v in versions
        ],
    )


@models.command("show")
def show_model(version: Version, as_json: AsJson = False) -> None:
    """One version: its card."""
    registry = _registry()
    result = registry.get(version)
    folder, manifest = registry.fetch(result)
    if as_json:
        put_json({"version": _document(result), "manifest": manifest})
        return
    put(f"{result.label}, stage {result.stage}, files in {folder}\n")
    put((folder / "card.md").read_text())


@models.command("compare")
def compare_models(a: Version, b: Version, as_json: AsJson = False) -> None:
    """Two versions side by side, on the rows that both were tested on."""
    require("train")
    from jobs.models.compare_models import compare

    result = compare(_registry(), a, b)
    if as_json:
        put_json(result)
        return
    put(
        f"{result.rows:,} rows of both tests, {result.positives:,} with the outcome, "
        f"of moments from {result.first[:10]} to {result.last[:10]}"
    )
    put_table(
        ["measure", result.one, result.other, "difference"],
        [[m.name, m.one, m.other, m.difference] for m in result.measures],
    )


def promote(
    version: Version,
    stage: Annotated[str, typer.Option(help="challenger or champion.")],
    reason: Reason,
    weight: Annotated[
        float,
        typer.Option(min=0, max=1, help="Share of accounts a challenger gets at once; 0: none."),
    ] = 0.1,
    override: Annotated[bool, typer.Option(help="Promote though a gate refuses; marked.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Promote a version, if its gates let it."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import candidate
    from jobs.models.promote import promote as run

    quiet_libraries()
    wanted, settings = stage_of(stage), load_settings()
    with interrupted_with(lambda: "nothing was promoted", "Give the same command again."):
        result = candidate(settings, "model", version)
        warnings = result.opened.manifest.warnings
    for text in warnings:
        say(f"noticed in training: {text}")
    with promoted(as_json=as_json) as report:
        report(
            run(
                settings,
                result,
                wanted,
                by=by or user(),
                reason=reason,
                override=override,
                weight=weight or None,
            )
        )


def approve(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="A number or a name, of a model or a policy.")
    ],
    reason: Reason,
    changes: Annotated[
        int | None,
        typer.Option(min=0, help="Of a policy: as for `policy promote`."),
    ] = None,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Approve a promotion that another person asked for; the gates are run again."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import approve as run

    quiet_libraries()
    with promoted(as_json=as_json) as report:
        report(run(load_settings(), version, by=by or user(), reason=reason, changes=changes))


@contextmanager
def promoted(*, as_json: bool) -> "Iterator[Callable[[Promotion], None]]":
    """Tells what became of a promotion; what the gates said is shown where they refuse too."""
    from jobs.interrupts import hold_interrupts
    from registry.transitions import GateRefusal

    hold_interrupts()
    try:
        with interrupted_with(lambda: "nothing was promoted"):
            yield partial(_put_promotion, as_json=as_json)
    except GateRefusal as refused:
        _put_gates(refused.results, as_json=as_json)
        raise


def _put_promotion(done: "Promotion", *, as_json: bool) -> None:
    if as_json:
        put_json(
            {
                "version": _document(done.version),
                "gates": done.gates,
                "rollout": done.rollout,
                "waiting": done.waiting,
            }
        )
        return
    _put_gates(done.gates, as_json=False)
    if done.waiting:
        put(f"{done.version.label}: asked for; `leadscore approve` by another person completes it")
        return
    put(f"{done.version.label}: {done.former} -> {done.version.stage}")
    if done.rollout:
        put(f"rollout {done.rollout.id}: {done.rollout.in_words}")


def rollback(reason: Reason, by: By = "") -> None:
    """Put the former champion back."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import rollback as run

    quiet_libraries()
    version = run(load_settings(), "model", by=by or user(), reason=reason)
    put(f"{version.label if version else 'nothing'} is champion again")


def _registry() -> "Registry":
    from config.settings import load_settings, quiet_libraries
    from wiring.registry import open_registry

    quiet_libraries()
    return open_registry(load_settings())


def stage_of(text: str) -> Stage:
    """The stage of that name. Raises BadInput."""
    try:
        return Stage(text)
    except ValueError:
        raise BadInput(
            f"no stage {text!r}", rule="stage", todo="Stages are challenger and champion."
        ) from None


def _document(version: ModelVersion) -> dict[str, object]:
    import msgspec

    document: dict[str, object] = msgspec.to_builtins(version)
    return {"label": version.label, **document}


def _put_metrics(version: ModelVersion) -> None:
    put_table(["measure", "value (95% interval)"], list(version.metrics.items()))


def _put_gates(gates: "Sequence[GateResult]", *, as_json: bool) -> None:
    if as_json:
        put_json({"gates": gates})
        return
    put_table(
        ["gate", "value", "limit", "verdict", "note"],
        [
            [g.name, _figure(g.value), _figure(g.limit), "pass" if g.passed else "REFUSED", g.note]
            for g in gates
        ],
    )


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.6g}"
