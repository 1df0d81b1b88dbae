"""Commands about workflows as versions: register, promote, roll back."""

from pathlib import Path
from typing import Annotated

import typer

from leadscore.terminal.options import AsJson, By, Reason
from leadscore.terminal.output import put, put_json, put_table

Label = Annotated[
    str, typer.Argument(metavar="VERSION", help="A registered one, as workflow-standard-3.")
]
File = Annotated[Path | None, typer.Argument(help="A workflow file; else the one of the home.")]


def list_versions(as_json: AsJson = False) -> None:
    """Registered workflows, the home's file, and the one in force."""
    from config.settings import load_settings, quiet_libraries
    from jobs.workflow.versions import listed

    quiet_libraries()
    rows = listed(load_settings())
    if as_json:
        put_json(rows)
        return
    put_table(
        ["workflow", "stage", "in force"],
        [[row.workflow, row.stage, "yes" if row.in_force else ""] for row in rows],
    )


def register(file: File = None, by: By = "", as_json: AsJson = False) -> None:
    """Register a workflow as a candidate, if its proof finds nothing."""
    from config.settings import load_settings, quiet_libraries
    from jobs.workflow.versions import own_workflow
    from jobs.workflow.versions import register as run
    from leadscore.commands.models import user
    from workflow.chart.chart_file import present

    quiet_libraries()
    settings = load_settings()
    path = own_workflow(settings) if file is None else present(file)
    version = run(settings, path, by or user())
    if as_json:
        put_json({"label": version.label, "stage": version.stage})
        return
    put(f"registered {version.label}, stage {version.stage}")


def promote(
    version: Label,
    reason: Reason,
    stage: Annotated[str, typer.Option(help="challenger or champion.")] = "champion",
    override: Annotated[bool, typer.Option(help="Promote though a gate refuses; marked.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Promote a registered workflow, if its gates let it; new leads begin with the champion."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import candidate
    from jobs.models.promote import promote as run
    from leadscore.commands.models import promoted, stage_of, user

    quiet_libraries()
    wanted, settings = stage_of(stage), load_settings()
    with promoted(as_json=as_json) as report:
        report(
            run(
                settings,
                candidate(settings, "workflow", version),
                wanted,
                by=by or user(),
                reason=reason,
                override=override,
            )
        )


def rollback(reason: Reason, by: By = "") -> None:
    """Put back the workflow that was in force before: a version, or the home's file."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import rollback as run
    from jobs.workflow.files import load_chart
    from leadscore.commands.models import user

    quiet_libraries()
    settings = load_settings()
    version = run(settings, "workflow", by=by or user(), reason=reason)
    if version is None:
        put(f"{load_chart(settings).label}, which is no registered version, is in force again")
    else:
        put(f"{version.label} is champion again")
