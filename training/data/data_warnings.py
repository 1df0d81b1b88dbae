"""Traps of real data that no rule removes: warnings on stderr and on the model card."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from domain.clock import DAY, iso
from domain.errors import Refused
from domain.journeys import FOREVER, Journeys
from training.config import TrainingConfig
from training.data.cutoffs import Cutoff
from training.data.dataset import Dataset
from training.data.late_outcomes import begin_late

BURST = 3.0
"""Leads first heard of in the log's first horizon, for each in a later one of middling size."""

LARGE = 0.2
"""The share of the leads, or of those with the outcome, that one account may give unremarked."""

ALIKE = 20
"""Leads of one account with one and the same label that are remarked upon, where chance would not
make it so in one account of a thousand."""
CHANCE = 0.001


@dataclass(frozen=True, slots=True)
class DataWarning:
    """What was noticed: a rule's name, and a sentence without personal data."""

    rule: str
    text: str


def notice(
    cutoffs: Sequence[Cutoff], journeys: Journeys, config: TrainingConfig
) -> list[DataWarning]:
    """The traps that a data set's rows lie in."""
    warnings = [
        _outcomes_begin_late(cutoffs, journeys, config),
        _leads_begin_early(cutoffs, journeys, config),
        *_accounts(cutoffs),
    ]
    return [trap for trap in warnings if trap is not None]


def unknown_accounts(config: TrainingConfig, removed: Mapping[str, int]) -> list[str]:
    """A warning where accounts are to be left out and no row is of any."""
    if not config.exclude_accounts or removed.get("account_excluded"):
        return []
    return ["No row is of an account that `exclude_accounts` names: are they as in the files?"]


def refuse_one_company(test: Dataset) -> None:
    """Raise Refused where all positives of the test are of one company, though it has others."""
    winners = np.unique(test.groups[test.labels == 1])
    if len(winners) == 1 and len(np.unique(test.groups)) > 1:
        raise Refused(
            f"all {int(test.labels.sum())} positive rows of the test are of one company",
            rule="one-company",
            todo="Nothing would be known of other companies: ingest more history, or leave the "
            "account out by `exclude_accounts`.",
        )


def _outcomes_begin_late(
    cutoffs: Sequence[Cutoff], journeys: Journeys, config: TrainingConfig
) -> DataWarning | None:
    """Rows whose whole horizon ends before the first outcome in the log."""
    late = begin_late(cutoffs, journeys, config)
    if late is None:
        return None
    return DataWarning(
        "outcomes-begin-late",
        f"The first outcome {config.outcome!r} is of {iso(late.first_us)}. {late.rows:,} rows of "
        f"{late.leads:,} leads ended their horizon before it and are labelled 0; at the rate just "
        f"after it about {late.missed:,.0f} would be 1. Outcomes were likely not recorded then: "
        f"set `from` to {iso(late.begin_us)[:10]} or later.",
    )


def _leads_begin_early(
    cutoffs: Sequence[Cutoff], journeys: Journeys, config: TrainingConfig
) -> DataWarning | None:
    """Leads that were there before the log was: their past is cut off."""
    first_of: dict[str, int] = {}
    for span in journeys.spans.values():
        first_of[span.final] = min(first_of.get(span.final, FOREVER), span.born_us)
    born = np.sort(list(first_of.values()))
    window = int(config.horizon_days * DAY)
    windows = np.bincount((born - born[0]) // window)
    usual = float(np.median(windows[1:-1])) if len(windows) > 3 else 0.0
    if not usual or windows[0] < BURST * usual:
        return None
    old = {lead for lead, first_us in first_of.items() if first_us < born[0] + window}
    rows = sum(c.final_id in old for c in cutoffs)
    return DataWarning(
        "leads-begin-early",
        f"{int(windows[0]):,} leads were first heard of in the log's first {config.horizon_days:g} "
        f"days, of a later such time {usual:,.0f}: many were there before the log. The past of "
        f"{rows:,} of {len(cutoffs):,} rows is cut off, and counts and ages of it are too small.",
    )


def _accounts(cutoffs: Sequence[Cutoff]) -> list[DataWarning]:
    """An account that gives much of the rows, or whose leads all have one label."""
    label_of: dict[tuple[str, str], int] = {}
    for c in cutoffs:
        key = c.account_id, c.final_id
        label_of[key] = max(label_of.get(key, 0), c.label)
    leads = Counter(account for account, _ in label_of)
    won = Counter(account for (account, _), label in label_of.items() if label)
    total, winners = leads.total(), won.total()
    accounts = []
    for account, count in leads.most_common():
        if not account:
            continue
        if count > LARGE * total or won[account] > max(LARGE * winners, ALIKE):
            accounts.append(
                DataWarning(
                    "one-account-large",
                    f"Account {account} has {count:,} of {total:,} leads and {won[account]:,} of "
                    f"{winners:,} with the outcome: figures tell more of it than of others. "
                    "`exclude_accounts` leaves it out, `max_account_share` bounds what it weighs.",
                )
            )
        others = (winners - won[account] + 1) / (total - count + 2)
        if won[account] in (0, count) and count >= ALIKE:
            chance = others**count if won[account] else (1 - others) ** count
            if chance * len(leads) < CHANCE:
                accounts.append(
                    DataWarning(
                        "one-account-one-label",
                        f"All {count:,} leads of account {account} have the label "
                        f"{int(won[account] > 0)}, of the others {others:.1%} have 1: whoever "
                        f"knows the account knows the label. `exclude_accounts` leaves it out.",
                    )
                )
    return accounts
