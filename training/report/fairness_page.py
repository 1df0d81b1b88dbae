"""The audit of groups as a page for people."""

from training.evaluation.fairness import MEASURES, FairnessReport, Group
from training.report.html_page import percent, table

_GAPS = {
    "selection": "share selected, between two groups",
    "found": "share of converts found, between two groups",
    "calibration": "mean probability less conversions, of one group",
}


def audit_page(name: str, report: FairnessReport) -> str:
    """The page, in Markdown. A mark (*) stands where a group is too small to be judged."""
    parts = [f"# Audit of groups: {name}\n", _how(report)]
    for one in report.features:
        parts.append(f"\n## By {one.feature}\n")
        if one.note:
            parts.append(f"Not measured: {one.note}.\n")
            continue
        parts.append(table(_HEADINGS, [_cells(group) for group in one.groups]))
        if one.kind == "arm":
            parts.append(
                "\n\nThese were treated differently on purpose (`kind: arm`): the differences are "
                "shown, and no gate looks at them.\n"
            )
        rows = [[_GAPS[m], percent(one.gaps[m])] for m in MEASURES if m in one.gaps]
        if rows:
            parts.append("\n\n" + table(["greatest difference", "value and interval"], rows))
        parts.append("\n")
    return "\n".join(parts)


_HEADINGS = [
    "group",
    "rows",
    "converted",
    "rate",
    "over the largest",
    "selected",
    "converts found",
    "told less came",
    "error",
]


def _how(report: FairnessReport) -> str:
    return (
        f"Selected are the leads with a probability of {report.threshold:.1%} or more: "
        f"{report.share:.1%} of the test's rows. *Converts found* is the share of those who "
        "converted that was selected; *over the largest* by how much its rate of conversion "
        "exceeds that of the group with the most rows; *told less came* the mean probability less "
        "the rate of conversion; *error* the calibration error within the group. Intervals are "
        "95%, clustered by account; those of the greatest differences hold for all groups and "
        "features together, so that a low end above 0 shows a difference that is not chance. A "
        "number marked * is of a group too small to be compared (fewer than "
        f"{report.min_rows} rows, or too few "
        "converts). A difference may have good reasons; the page shows it, it does not judge them."
    )


def _cells(group: Group) -> list[str]:
    return [
        group.name,
        f"{group.rows:,}",
        f"{group.positives:,}",
        percent(group.rate),
        percent(group.over),
        percent(group.selection) + _mark(group, "selection"),
        percent(group.found) + _mark(group, "found"),
        percent(group.calibration) + _mark(group, "calibration"),
        percent(group.error),
    ]


def _mark(group: Group, measure: str) -> str:
    return "" if measure in group.judged else " *"
