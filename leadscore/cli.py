"""The command line. Heavy libraries load only inside the commands that use them.

Exit codes: 0 done; 1 a gate or a verdict says no, or nothing could be accepted; 2 bad usage or
input; 3 something needed is not there; 130 interrupted.
"""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from typer._click.exceptions import UsageError  # typer gives it no public name

from config.environment import unknown_variables
from domain.errors import Interrupted, LeadscoreError
from domain.redaction import redacted
from jobs.interrupts import interrupts_restored
from leadscore.commands import (
    audit,
    canary,
    contracts,
    dataset,
    features,
    history,
    identity,
    leads,
    lineage,
    models,
    policy,
    quality,
    reproduce,
    rollout,
    schema,
    signals,
    verify,
)
from leadscore.commands.operation import (
    agents,
    alerts,
    assistants,
    console,
    effects,
    keys,
    monitor,
    operate,
    service,
    worker,
    workflow,
)
from leadscore.commands.start import proposal, try_export
from leadscore.commands.value import backtest, report
from leadscore.terminal.discretion import discreet
from leadscore.terminal.failures import explained
from storage.files import PRIVATE_UMASK

INTERRUPTED = Interrupted.exit_code

app = typer.Typer(
    name="leadscore",
    help="Lead scoring that a team can promote, canary, explain and audit.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done; 1 a gate or a verdict says no, or nothing could be accepted; "
        "2 bad usage or input; 3 something needed is not there; 130 interrupted."
    ),
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 typer calls it so
    if wanted:
        sys.stdout.write(f"leadscore {version('leadscore')}\n")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="The version."),
    ] = False,
) -> None:
    """Lead scoring that a team can promote, canary, explain and audit."""


COMMANDS: Sequence[tuple[str, Callable[..., None]]] = (
    ("demo", service.demo),
    ("init", proposal.init),
    ("try", try_export.try_export),
    ("simulate", signals.simulate),
    ("ingest", signals.ingest),
    ("publish", worker.publish),
    ("worker", worker.worker),
    ("dataset", dataset.dataset),
    ("train", models.train),
    ("reproduce", reproduce.reproduce),
    ("promote", models.promote),
    ("approve", models.approve),
    ("rollback", models.rollback),
    ("score", leads.score),
    ("serve", service.serve),
    ("mcp", assistants.mcp),
    ("console", console.console),
    ("bundle", service.bundle),
    ("slo", alerts.slo),
    ("schema", schema.schema),
)
GROUPS = (
    ("contracts", contracts.contracts),
    ("quarantine", signals.quarantine),
    ("quality", quality.quality),
    ("identity", identity.identity),
    ("features", features.features),
    ("models", models.models),
    ("rollout", rollout.rollout),
    ("operate", operate.operate),
    ("effects", effects.effects),
    ("agents", agents.agents),
    ("canary", canary.canary),
    ("monitor", monitor.monitor),
    ("alerts", alerts.alerts),
    ("policy", policy.policy),
    ("value", report.value),
    ("audit", audit.audit),
    ("proposals", assistants.proposals),
    ("lineage", lineage.lineage),
    ("keys", keys.keys),
    ("workflow", workflow.workflow),
)
models.models.command("history")(history.history)
policy.policy.command("backtest")(backtest.backtest)
audit.audit.command("verify")(verify.verify)
audit.audit.command("checkpoint")(verify.checkpoint)
audit.audit.command("calls")(assistants.calls)
for name, command in COMMANDS:
    app.command(name)(command)
for name, group in GROUPS:
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line; every error of a user's becomes one line and an exit code."""
    os.umask(PRIVATE_UMASK)  # homes and what is written of people are their owner's alone
    logging.captureWarnings(capture=True)  # libraries' warnings are for us, not for users
    logging.getLogger("py.warnings").propagate = False
    if not {"serve", "worker"} & set(sys.argv[1:2]):  # those say it in their log
        for warning in unknown_variables():
            sys.stderr.write(f"leadscore: {warning}\n")
    try:
        with interrupts_restored():
            code = app(standalone_mode=False)
    except LeadscoreError as error:
        _fail(error)
    except UsageError as error:
        error.message = redacted(error.message)
        error.show()
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except Exception as error:
        failure = explained(error)
        if failure is None:
            raise
        _fail(failure)
    if code == INTERRUPTED:
        _fail(Interrupted("interrupted: what was committed before stays", rule="interrupted"))
    sys.exit(code or 0)


def _fail(error: LeadscoreError) -> NoReturn:
    begin = "\n" if isinstance(error, Interrupted) else ""
    sys.stderr.write(f"{begin}leadscore: {discreet(str(error), sys.argv[1:])}\n")
    sys.exit(error.exit_code)
