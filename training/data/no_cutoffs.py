"""Why no cutoff is left to train on: what removed them, and the setting to change."""

from collections.abc import Mapping

from domain.errors import Missing

REMOVED = {
    "account_excluded": (
        "{} of accounts that `exclude_accounts` names",
        "Take accounts out of `exclude_accounts`, or ingest leads of others.",
    ),
    "anonymous": (
        "{} of leads that no strong identifier names",
        "Map an identifier such as `email` or `crm_id`, or set `identified_only: false`.",
    ),
    "censored": (
        "{} whose horizon reaches beyond the end of the log",
        "Shorten `horizon_days`, set `from` earlier, or ingest more history.",
    ),
    "decided": (
        "{} of leads that were decided already",
        "Set `cutoffs` so that they come before the outcome, such as `rule: first_contact`.",
    ),
    "outcome_before_anchor": (
        "{} of leads whose outcome came before the event that `cutoffs` wait for",
        "Set `cutoffs.types` to events that come before the outcome.",
    ),
}
"""What each rule that removes cutoffs says of so many, and what to do where it left none."""


def no_cutoffs(removed: Mapping[str, int], horizon_days: float, log_days: float) -> Missing:
    """The error where no cutoff is left: what removed them, the most first."""
    if horizon_days >= log_days:
        return Missing(
            f"no cutoff is left: the horizon of {horizon_days:g} days is longer than the log, "
            f"which goes over {log_days:.1f}",
            rule="cutoffs-left",
            todo="Shorten `horizon_days`, or ingest more history.",
        )
    most = sorted(removed, key=lambda rule: -removed[rule])
    causes = "; ".join(REMOVED[rule][0].format(f"{removed[rule]:,}") for rule in most)
    todo = "Set `from` earlier, or `cutoffs` to moments and types that the log has."
    return Missing(
        f"no cutoff is left: {causes or 'the log has none at all'}",
        rule="cutoffs-left",
        todo=REMOVED[most[0]][1] if most else todo,
    )
