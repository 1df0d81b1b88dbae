"""Commands about policies: what is done about a score, as versions."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import Refused
from leadscore.terminal.options import AsJson, By, Reason, group
from leadscore.terminal.output import put, put_json, put_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from decisions.policy.golden_rows import Difference

policy = group("Policies: what is done about a score.")
Label = Annotated[str, typer.Argument(metavar="VERSION", help="A registered one, as routing-3.")]
Source = Annotated[
    str, typer.Argument(help="A file, a registered version, or one that comes along.")
]
Changes = Annotated[
    int | None,
    typer.Option(min=0, help="On how many golden rows it decides unlike the champion, stated."),
]
SHOWN = 10


@policy.command("list")
def list_policies(as_json: AsJson = False) -> None:
    """Registered policies, those that come along, and the one in force."""
    from config.settings import load_settings, quiet_libraries
    from decisions.policy.policy import load_policy
    from wiring.decisions import POLICIES, in_force
    from wiring.registry import open_policies

    quiet_libraries()
    settings = load_settings()
    label, path = in_force(settings)
    held = [
        {"policy": v.label, "name": v.name, "stage": str(v.stage), "in_force": v.label == label}
        for v in (open_policies(settings).versions() if settings.home.is_dir() else ())
    ]
    held += [
        {
            "policy": load_policy(p).label,
            "name": p.stem,
            "stage": "comes along",
            "in_force": p == path,
        }
        for p in sorted(POLICIES.glob("*.json"))
    ]
    if as_json:
        put_json(held)
        return
    rows = [[h["policy"], h["stage"], "yes" if h["in_force"] else ""] for h in held]
    put_table(["policy", "stage", "in force"], rows)


@policy.command("check")
def check(
    file: Source,
    grades: Annotated[
        str | None,
        typer.Option(help="The grades that leads have, as A,B,C; else all that a policy gives."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check a policy; exit 1 where something is found, 3 where there is no such policy.

    Held against the attributes and features of this home, and against the rules of the policy in
    force that it follows, or of the one of its name that comes along. A table that asks for a
    grade that no lead has is found.
    """
    from config.settings import load_settings, quiet_libraries
    from wiring.policies import policy_file, reviewed

    quiet_libraries()
    settings = load_settings()
    path = policy_file(settings, file)[1]
    named = () if grades is None else ([one.strip() for one in grades.split(",")],)
    findings = reviewed(settings, path, *named)
    if as_json:
        put_json(findings)
    else:
        put_table(["rule", "where", "what"], [[f.rule, f.where, f.what] for f in findings])
    if findings:
        raise Refused(f"{len(findings)} findings", rule="policy-check", where=file)
    if not as_json:
        put("nothing found")


@policy.command("diff")
def diff(
    now: Source,
    against: Annotated[str | None, typer.Option(help="Else the policy in force.")] = None,
    as_json: AsJson = False,
) -> None:
    """Where a policy decides unlike another, on the golden rows of both; exit 1 where it does."""
    from config.settings import load_settings, quiet_libraries
    from wiring.policies import compare

    quiet_libraries()
    found = compare(load_settings(), now, against)
    if as_json:
        put_json(found)
    else:
        _put_differences(found)
    if found:
        raise Refused(f"{len(found)} golden rows differ", rule="policies-alike", where=now)
    if not as_json:
        put("no golden row differs")


@policy.command("register")
def register(
    file: Annotated[str, typer.Argument(help="A policy file, or one that comes along.")],
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Register a policy as a candidate; the registry gives its number."""
    from config.settings import load_settings, quiet_libraries
    from leadscore.commands.models import user
    from wiring.decisions import policy_path
    from wiring.policies import register as run

    quiet_libraries()
    version = run(load_settings(), policy_path(file), by or user())
    if as_json:
        put_json({"label": version.label, "stage": version.stage})
        return
    put(f"registered {version.label}, stage {version.stage}")


@policy.command("promote")
def promote(
    version: Label,
    reason: Reason,
    stage: Annotated[str, typer.Option(help="challenger or champion.")] = "champion",
    changes: Changes = None,
    override: Annotated[bool, typer.Option(help="Promote though a gate refuses; marked.")] = False,
    by: By = "",
    as_json: AsJson = False,
) -> None:
    """Promote a registered policy, if its gates let it; scoring follows within a second."""
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
                candidate(settings, "policy", version),
                wanted,
                by=by or user(),
                reason=reason,
                override=override,
                changes=changes,
            )
        )


@policy.command("rollback")
def rollback(reason: Reason, by: By = "") -> None:
    """Put back the policy that was in force before: a version, or the one that comes along."""
    from config.settings import load_settings, quiet_libraries
    from jobs.models.promote import rollback as run
    from leadscore.commands.models import user
    from wiring.decisions import open_policy

    quiet_libraries()
    settings = load_settings()
    version = run(settings, "policy", by=by or user(), reason=reason)
    if version is None:
        put(f"{open_policy(settings).label}, which comes with the product, is in force again")
    else:
        put(f"{version.label} is champion again")


def _put_differences(found: "Sequence[Difference]") -> None:
    kinds = Counter(
        (field, str(getattr(one.was, field)), str(getattr(one.now, field)))
        for one in found
        for field in one.fields
    )
    rows = [[*kind, count] for kind, count in kinds.most_common()]
    put_table(["what", "was", "is", "golden rows"], rows[:SHOWN])
    if len(rows) > SHOWN:
        put(f"and {len(rows) - SHOWN} more kinds: see --json")
