"""A verdict for people, and for CI."""

from xml.etree import ElementTree as ET

from domain.measurement import Interval
from monitoring.canary import CanaryVerdict, Compared

_NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "lift_at_10pct": "lift in the top 10%",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}


def to_markdown(verdict: CanaryVerdict) -> str:
    """A page that a person reads."""
    v = verdict
    counted = f"{v.paired:,} decisions were scored by both, {v.matured:,} of them have matured"
    lines = [
        f"# Canary comparison: {v.challenger} against {v.champion}",
        "",
        f"**Verdict: {v.outcome}** (rule {v.rule.version}, intervals {v.rule.level:.0%})",
        "",
        *(f"- {reason}" for reason in v.reasons),
        "",
        f"{counted}, {v.positives:,} of those converted{_target(v)}.",
    ]
    if v.measures:
        lines += [
            "",
            f"| measure | {v.champion} | {v.challenger} | difference |",
            "|---|---|---|---|",
        ]
        lines += [_row(c) for c in v.measures]
    return "\n".join(lines) + "\n"


def to_junit(verdict: CanaryVerdict) -> str:
    """The same as one JUnit test case: failed unless the challenger passes."""
    suite = ET.Element("testsuite", name="canary", tests="1")
    suite.set("failures", "0" if verdict.passed else "1")
    name = f"{verdict.challenger} against {verdict.champion}"
    case = ET.SubElement(suite, "testcase", classname="canary", name=name)
    said = "\n".join(verdict.reasons)
    if verdict.passed:
        ET.SubElement(case, "system-out").text = said
    else:
        ET.SubElement(case, "failure", message=verdict.outcome).text = said
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _target(verdict: CanaryVerdict) -> str:
    return f" ({verdict.target})" if verdict.target else ""


def _row(compared: Compared) -> str:
    cells = [_cell(compared.champion), _cell(compared.challenger), _signed(compared.difference)]
    return f"| {_NAMES.get(compared.name, compared.name)} | {' | '.join(cells)} |"


def _cell(i: Interval) -> str:
    return f"{i.value:.4f} ({i.low:.4f} to {i.high:.4f})"


def _signed(i: Interval) -> str:
    return f"{i.value:+.4f} ({i.low:+.4f} to {i.high:+.4f})"
