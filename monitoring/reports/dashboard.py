"""The dashboard of the workspace: each figure over time, of all, by arm, and by group."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from evidently.sdk.models import DashboardModel, DashboardPanelPlot, DashboardTabModel, PanelMetric

from monitoring.reports.figure import ALL
from monitoring.reports.outcome_figures import ARM

IDS = uuid5(NAMESPACE_URL, "leadscore:dashboard")
OVERVIEW, BY_ARM, BY_GROUP = "Overview", "By arm", "By group"
MOST_KINDS = 12
"""Kinds of groups that have panels; a version has as many segments as columns of most weight."""

OVERALL = (
    ("Drift", "Shares: of the explanations that drifted, and how far scores and reasons moved",
     ("DriftedShare", "ScoreMove", "ReasonMove")),
    ("Causes of drift to be acted upon", "0 is well", ("ActionableCauses",)),
    ("Calibration error", "0 is perfect", ("CalibrationError",)),
    ("Conversions by prediction", "1 where as many came as were predicted",
     ("ConversionsByPrediction",)),
    ("Lift of the best tenth", "1 is chance", ("TopTenthLift",)),
    ("Order of leads and conversion rate", "AUROC: 0.5 is chance", ("Auroc", "ConversionRate")),
    ("Freshness", "Hours: how old the features of the freshest hundredth are", ("FreshestHours",)),
    ("Quality", "Shares: values missing, values beyond the reference's, degraded answers",
     ("MissingShare", "OutsideShare", "DegradedShare")),
    ("Decisions in the last four weeks", "", ("DecisionCount",)),
)  # fmt: skip
GROUPED = (
    ("Conversions by prediction", ("ConversionsByPrediction",)),
    ("Calibration error", ("CalibrationError",)),
    ("Lift of the best tenth", ("TopTenthLift",)),
)
OF_ARMS = (
    *GROUPED,
    ("Decisions in the last four weeks", ("DecisionCount",)),
    ("Freshness, hours", ("FreshestHours",)),
    ("Degraded answers, share", ("DegradedShare",)),
)


def dashboard_of(kinds: Sequence[str], before: DashboardModel) -> DashboardModel:
    """Our tabs and panels, before those that somebody else made; kinds of groups stay once met."""
    groups = sorted({*kinds, *_met(before)} - {ARM, ALL})[:MOST_KINDS]
    tabs = {
        OVERVIEW: [_panel(OVERVIEW, *one, by=ALL) for one in OVERALL],
        BY_ARM: [_panel(BY_ARM, f"{title}, by arm", "", names, by=ARM) for title, names in OF_ARMS],
        BY_GROUP: [
            _panel(BY_GROUP, f"{title}, by {by}", "", names, by=by)
            for by in groups
            for title, names in GROUPED
        ],
    }
    own = [
        DashboardTabModel(id=_id(title), title=title, panels=[panel.id for panel in panels])
        for title, panels in tabs.items()
        if panels
    ]
    panels = [panel for each in tabs.values() for panel in each]
    ids = {_id(title) for title in tabs}
    shown = {at for tab in before.tabs if tab.id not in ids for at in tab.panels}
    foreign = [panel for panel in before.panels if panel.id in shown]
    return DashboardModel(
        tabs=[*own, *(tab for tab in before.tabs if tab.id not in ids)], panels=[*panels, *foreign]
    )


def _met(before: DashboardModel) -> Iterator[str]:
    """The kinds of groups that our tab had panels of."""
    mine = {at for tab in before.tabs if tab.id == _id(BY_GROUP) for at in tab.panels}
    for panel in before.panels:
        if panel.id in mine:
            yield from (value.metric_labels.get("by", ALL) for value in panel.values)


def _panel(tab: str, title: str, subtitle: str, names: Sequence[str], *, by: str) -> Any:
    return DashboardPanelPlot(
        id=_id(f"{tab}: {title}"),
        title=title,
        subtitle=subtitle or None,
        size="half",
        values=[
            PanelMetric(metric=name, metric_labels={"by": by}, legend=_legend(name, by))
            for name in names
        ],
        plot_params={"plot_type": "line"},
    )


def _legend(name: str, by: str) -> str:
    words = "".join(f" {c.lower()}" if c.isupper() else c for c in name).strip()
    return words if by == ALL else "{{group}}"


def _id(name: str) -> UUID:
    return uuid5(IDS, name)
