"""Commands about features: what is known of a lead, and the services that say so."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from domain.errors import BadInput
from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table, say
from leadscore.terminal.progress import counting

if TYPE_CHECKING:
    from domain.definition import FeatureDefinition
    from jobs.signals.compare_feature_services import ServiceComparison

features = group("Named features, and the services that define them.")
Lead = Annotated[
    str, typer.Argument(metavar="KEY", help="A lead id, or kind:value, such as email:a@b.de.")
]
Label = Annotated[str, typer.Argument(metavar="LABEL", help="A service, such as standard_v2.")]


@features.command("show")
def show_features(
    lead: Lead,
    as_of: Annotated[str | None, typer.Option(help="A past moment, RFC 3339.")] = None,
    as_json: AsJson = False,
) -> None:
    """A lead's named features: as served now, or replayed from the log as of a past moment."""
    from config.settings import load_settings, quiet_libraries
    from leadscore.terminal.lookup import features_of

    quiet_libraries()
    comparison = features_of(load_settings(), lead, as_of)
    if as_json:
        put_json(comparison)
        return
    put_table(["feature", "value"], [[k, "-" if v is None else v] for k, v in comparison.items()])


@features.command("services")
def list_services(as_json: AsJson = False) -> None:
    """The feature service in use, and those that are kept beside it."""
    from config.settings import load_settings
    from jobs.signals.feature_services import services

    comparison = services(load_settings())
    if as_json:
        put_json(comparison)
        return
    put_table(
        ["service", "standing", "features", "built as of"],
        [[s.label, s.standing, s.features, s.built_as_of or "-"] for s in comparison],
    )


@features.command(
    "feast", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)
def run_feast(context: typer.Context) -> None:
    """Feast's own command line on this home, such as `features feast plan` or `features feast ui`.

    What comes after `feast` is Feast's. `ui` and `serve` listen on 127.0.0.1 unless `--host` says
    otherwise.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.feast_command import run_feast as run

    quiet_libraries()
    raise typer.Exit(run(load_settings(), context.args))


@features.command("build")
def build_service(
    service: Annotated[Path, typer.Option(help="The feature service, as YAML.")],
    as_json: AsJson = False,
) -> None:
    """Build a feature service from the log, beside the one in use, which goes on serving."""
    from config.settings import load_settings
    from jobs.signals.feature_services import build

    definition, settings = _read(service), load_settings()
    with counting("events") as counter:
        built = build(settings, definition, counter.add)
    if as_json:
        put_json(built)
        return
    put(
        f"{built.label}: {built.events:,} events of {built.leads:,} leads, "
        f"built beside {built.beside}"
    )
    say(f"Next: `leadscore features compare {built.label}`.")


@features.command("compare")
def compare_service(label: Label, as_json: AsJson = False) -> None:
    """A built feature service against the one in use, over all leads at the built moment."""
    from config.settings import load_settings
    from jobs.signals.compare_feature_services import compare

    comparison = compare(load_settings(), label)
    if as_json:
        put_json(comparison)
        return
    put(
        f"{comparison.service} against {comparison.in_use}: {comparison.leads:,} leads, "
        f"{comparison.events:,} events, as of {comparison.as_of}"
    )
    _put_comparison(comparison)


def _put_comparison(comparison: "ServiceComparison") -> None:
    differing = [one for one in comparison.both if one.differ]
    put(
        f"{len(comparison.added)} features added, {len(comparison.removed)} removed, "
        f"{comparison.same} the same, {len(differing)} differ"
    )
    rows = [
        ["differs", b.name, b.differ, b.mean, b.largest, b.missing_in_use, b.missing]
        for b in differing
    ]
    rows += [["added", a.name, "-", "-", "-", "-", a.missing] for a in comparison.added]
    rows += [["removed", a.name, "-", "-", "-", a.missing, "-"] for a in comparison.removed]
    if rows:
        put_table(
            ["", "feature", "leads", "mean gap", "largest gap", "missing in use", "missing"], rows
        )


@features.command("use")
def use_service(label: Label) -> None:
    """Take a kept feature service into use: every lead's state is made anew from the log."""
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.feature_services import kept_definition

    quiet_libraries()
    _use(kept_definition(load_settings(), label))


@features.command("rollback")
def rollback_service() -> None:
    """Take the feature service into use that was used before."""
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.feature_services import rollback

    quiet_libraries()
    settings = load_settings()
    with counting("events") as counter:
        before, done = rollback(settings, counter.add)
    put(f"{before.label} is in use again: {done:,} events folded anew")


@features.command("rebuild")
def rebuild_features(
    service: Annotated[Path | None, typer.Option(help="Another feature service, as YAML.")] = None,
) -> None:
    """Make every lead's state anew from the log, for the same or another feature service."""
    from config.home_definition import definition_of
    from config.settings import load_settings, quiet_libraries

    quiet_libraries()
    _use(definition_of(load_settings()) if service is None else _read(service))


def _use(definition: "FeatureDefinition") -> None:
    from config.settings import load_settings
    from jobs.signals.feature_services import use

    with counting("events") as counter:
        done = use(load_settings(), definition, counter.add)
    put(f"{definition.label}: {done:,} events folded anew")
    say("Versions trained on features that are no longer kept cannot serve; train again.")


def _read(path: Path) -> "FeatureDefinition":
    from feature_repo.standard import read_service

    if not path.is_file():
        raise BadInput("no such file", rule="feature-service-file", where=str(path))
    return read_service(path)
