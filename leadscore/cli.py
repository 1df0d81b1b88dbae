"""The command line. Heavy libraries load only inside the commands that use them.

Exit codes: 0 done; 1 a gate or a verdict says no, or nothing could be accepted; 2 bad usage or
input; 3 something needed is not there; 130 interrupted.
"""

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

import typer

from domain.errors import LeadscoreError
from domain.files import PRIVATE_UMASK
from leadscore import (
    audit_cli,
    contracts_cli,
    features_cli,
    history_cli,
    identity_cli,
    keys_cli,
    leads_cli,
    lineage_cli,
    models_cli,
    monitor_cli,
    policy_cli,
    quality_cli,
    reproduce_cli,
    rollout_cli,
    service_cli,
    signals_cli,
    verify_cli,
    worker_cli,
)
from leadscore.failures import explained

INTERRUPTED = 130

app = typer.Typer(
    name="leadscore",
    help="Lead scoring that a team can promote, canary, explain and audit.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done; 1 a gate or a verdict says no, or nothing could be accepted; "
        "2 bad usage or input; 3 something needed is not there; 130 interrupted."
    ),
)

COMMANDS: Sequence[tuple[str, Callable[..., None]]] = (
    ("demo", service_cli.demo),
    ("simulate", signals_cli.simulate),
    ("ingest", signals_cli.ingest),
    ("publish", worker_cli.publish),
    ("worker", worker_cli.worker),
    ("train", models_cli.train),
    ("reproduce", reproduce_cli.reproduce),
    ("promote", models_cli.promote),
    ("approve", models_cli.approve),
    ("rollback", models_cli.rollback),
    ("score", leads_cli.score),
    ("serve", service_cli.serve),
    ("bundle", service_cli.bundle),
)
GROUPS = (
    ("contracts", contracts_cli.contracts),
    ("quarantine", signals_cli.quarantine),
    ("quality", quality_cli.quality),
    ("identity", identity_cli.identity),
    ("features", features_cli.features),
    ("models", models_cli.models),
    ("rollout", rollout_cli.rollout),
    ("canary", monitor_cli.canary),
    ("monitor", monitor_cli.monitor),
    ("policy", policy_cli.policy),
    ("audit", audit_cli.audit),
    ("lineage", lineage_cli.lineage),
    ("keys", keys_cli.keys),
)
models_cli.models.command("history")(history_cli.history)
audit_cli.audit.command("verify")(verify_cli.verify)
audit_cli.audit.command("checkpoint")(verify_cli.checkpoint)
for name, command in COMMANDS:
    app.command(name)(command)
for name, group in GROUPS:
    app.add_typer(group, name=name)


def main() -> None:
    """Run the command line; every error of a user's becomes one line and an exit code."""
    os.umask(PRIVATE_UMASK)  # homes and what is written of people are their owner's alone
    logging.captureWarnings(capture=True)  # libraries' warnings are for us, not for users
    logging.getLogger("py.warnings").propagate = False
    try:
        app()
    except LeadscoreError as error:
        _fail(error)
    except Exception as error:
        told = explained(error)
        if told is None:
            raise
        _fail(told)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            sys.stderr.write(
                "\nleadscore: interrupted. What was committed before stays; the same command, "
                "given again, goes on from there.\n"
            )
        raise


def _fail(error: LeadscoreError) -> NoReturn:
    sys.stderr.write(f"leadscore: {error}\n")
    sys.exit(error.exit_code)
