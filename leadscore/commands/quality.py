"""Commands about quality: what the gates found, what they go by, what they take for usual."""

from typing import Annotated

import typer

from leadscore.terminal.options import AsJson, group
from leadscore.terminal.output import put, put_json, put_table

quality = group("Quality gates: what was found wanting, per rule, and what is usual here.")


@quality.command("show")
def show(
    gate: Annotated[
        str | None,
        typer.Option(help="Of: contract, event, identifiers, batch, features, input."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What the gates have found since the log began, by rule and source, most first.

    What a running service finds at the model's input stands on its /metrics.
    """
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.quality_report import findings

    quiet_libraries()
    rows = findings(load_settings(), gate)
    if as_json:
        put_json(rows)
        return
    put_table(
        ["gate", "rule", "about", "found"], [[r.gate, r.rule, r.about, r.found] for r in rows]
    )


@quality.command("profiles")
def profiles(as_json: AsJson = False) -> None:
    """What batches usually look like, per source and type: medians of the rolling profiles."""
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.quality_report import usual

    quiet_libraries()
    levels = usual(load_settings())
    if as_json:
        put_json(levels)
        return
    put_table(
        ["source/type", "batches", "rows", "refused", "nulls by field"],
        [
            [
                u.about,
                u.batches,
                u.rows,
                u.refused,
                " ".join(f"{n} {p:.0%}" for n, p in u.nulls.items()),
            ]
            for u in levels
        ],
    )


@quality.command("rules")
def rules() -> None:
    """The rules in force, as JSON: the packaged ones, changed by the home's own quality.yaml."""
    from config.settings import load_settings
    from wiring.quality import load_quality

    put_json(load_quality(load_settings().home))


@quality.command("forget")
def forget(
    about: Annotated[str, typer.Argument(metavar="SOURCE/TYPE", help="As `profiles` lists it.")],
) -> None:
    """Forget what is usual of a source and type: it is learnt anew, warm-up included."""
    from config.settings import load_settings, quiet_libraries
    from jobs.signals.quality_report import forget as forgotten

    quiet_libraries()
    forgotten(load_settings(), about)
    put(f"forgotten; batches of {about} pass until as many as a warm-up takes were seen")
