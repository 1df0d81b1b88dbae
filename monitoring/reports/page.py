"""The page: an Evidently report of sections, figures, and the distributions that moved most.

The data sets that it is run on are figures, counts and shares: no row of a lead is in a page or in
a snapshot.
"""

from datetime import datetime
from pathlib import Path
from typing import Any

from evidently import Report

from domain.errors import Refused
from monitoring.reports.distributions import (
    DISTRIBUTIONS,
    Distribution,
    WeightedSides,
    distributions_of,
)
from monitoring.reports.evidently_metrics import FIGURES, as_dataset, metrics_of
from monitoring.reports.sections import MOVES, Outcomes, Section, sections_of
from monitoring.reports.summary import Summary
from storage.files import write_whole

MOST_BYTES = 10_000_000
"""A page is no larger; nor, by far, is a snapshot."""

PANELS = (16, 4, 0)
"""Features whose distributions are drawn, at most; fewer where the page would be too large."""


def write_page(summary: Summary, sides: WeightedSides, outcomes: Outcomes, file: Path) -> Any:
    """Write the page; gives the snapshot that it shows. Raises Refused where it cannot be small."""
    for panels in PANELS:
        snapshot = snapshot_of(summary, sides, outcomes, panels)
        page = snapshot.get_html_str(as_iframe=False).encode()
        if len(page) <= MOST_BYTES:
            write_whole(file, page)
            return snapshot
    raise Refused(
        f"the page would have {len(page):,} bytes, must have {MOST_BYTES:,} at most",
        rule="report-size",
        where=file.name,
    )


def snapshot_of(summary: Summary, sides: WeightedSides, outcomes: Outcomes, panels: int) -> Any:
    """Evidently's snapshot of a report, of the moment that it refers to."""
    sections = sections_of(summary, outcomes)
    shares = distributions_of(summary, sides, panels)
    figures = as_dataset(summary.figures)
    metrics: list[Any] = [Section(name=name) for name in sections if name != MOVES]
    metrics += metrics_of(summary.figures)
    metrics += [Section(name=name) for name in sections if name == MOVES]
    metrics += [Distribution(column=str(name)) for name in dict.fromkeys(shares["column"])]
    beside = {FIGURES: figures, **sections}
    if len(shares):
        beside[DISTRIBUTIONS] = shares
    meta = summary.meta
    about = {"model": meta.model, "home": meta.home, "made": meta.made}
    return Report(metrics, metadata=about, tags=[meta.model]).run(
        figures,
        additional_data=beside,
        timestamp=datetime.fromisoformat(meta.made).replace(tzinfo=None),
        name=summary.verdict[:200],
    )
