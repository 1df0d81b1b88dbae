"""A verdict, and the plan of one, for people and for CI."""

import math
from xml.etree import ElementTree as ET

from domain.measurement import Interval
from monitoring.canary import CanaryVerdict
from monitoring.canary_measures import Compared
from monitoring.canary_plan import CanaryPlan, PlannedVerdict

_NAMES = {
    "auroc": "AUROC",
    "average_precision": "average precision",
    "lift_at_10pct": "lift in the top 10%",
    "log_loss": "log loss",
    "brier": "Brier score",
    "calibration_error": "calibration error",
}

_MOST_LOG = 15.0
"""Above it evidence is written as a power."""


def to_markdown(verdict: CanaryVerdict) -> str:
    """A page that a person reads."""
    v = verdict
    counted = f"{v.paired:,} decisions were scored by both, {v.matured:,} of them have matured"
    lines = [
        f"# Canary comparison: {v.challenger} against {v.champion}",
        "",
        f"**Verdict: {v.outcome}** ({_word(v)}; rule {v.rule.version}, level {v.rule.level:.0%})",
        "",
        *(f"- {reason}" for reason in v.reasons),
        *_certificate(v),
        "",
        f"{counted}, {v.positives:,} of those converted{_target(v)}.",
    ]
    if v.source:
        lines += ["", f"Compared on: {v.source}."]
    lines += _decided_by(v)
    if v.measures:
        lines += [
            "",
            f"Shown beside, with {v.rule.level:.0%} bootstrap intervals of one look:",
            "",
            f"| measure | {v.champion} | {v.challenger} | difference |",
            "|---|---|---|---|",
        ]
        lines += [_row(c) for c in v.measures]
    return "\n".join(lines) + "\n"


def _word(verdict: CanaryVerdict) -> str:
    return verdict.verdict.replace("_", " ")


def _decided_by(verdict: CanaryVerdict) -> list[str]:
    """What decides, as a table: estimate, bounds, margin, and how many more outcomes it takes."""
    loss = verdict.decides
    if loss is None:
        return []
    d = loss.difference
    more = "none" if verdict.verdict != "undecided" else "no end in sight"
    if verdict.needed is not None:
        more = f"about {verdict.needed:,}"
    figures = f"{d.value:+.4f} | {d.low:+.4f} | {d.high:+.4f} | {loss.margin:.4f}"
    return [
        "",
        "| what decides | difference | at least | at most | margin | outcomes still needed |",
        "|---|---|---|---|---|---|",
        f"| {loss.name} | {figures} | {more} |",
    ]


def _certificate(verdict: CanaryVerdict) -> list[str]:
    """The evidence as times that the capital of a gambler grew, of which enough is proof."""
    c = verdict.certificate
    if c is None:
        return []
    named = (("no worse than the margin", c.log_no_worse), ("worse", c.log_worse))
    parts = [f"{_times(log)} for {name}" for name, log in named]
    proof = next((name for name, log in named if log >= c.log_needed), None)
    text = f"proof of {proof}" if proof else f"{_times(c.log_needed)} is proof"
    data = f"{c.accounts:,} accounts, data {c.data[:16]}"
    return [f"- certificate: evidence {', '.join(parts)}; {text} ({data})"]


def _times(log: float) -> str:
    return f"{math.exp(log):,.3g}-fold" if log < _MOST_LOG else f"e^{log:.0f}-fold"


def to_junit(verdict: CanaryVerdict) -> str:
    """The same as one JUnit test case: failed unless the challenger passes."""
    suite = ET.Element("testsuite", name="canary", tests="1")
    suite.set("failures", "0" if verdict.passed else "1")
    name = f"{verdict.challenger} against {verdict.champion}"
    case = ET.SubElement(suite, "testcase", classname="canary", name=name)
    properties = ET.SubElement(case, "properties")
    for key, value in _properties(verdict).items():
        ET.SubElement(properties, "property", name=key, value=value)
    source = [f"compared on {verdict.source}"] if verdict.source else []
    text = "\n".join([*verdict.reasons, *(one[2:] for one in _certificate(verdict)), *source])
    if verdict.passed:
        ET.SubElement(case, "system-out").text = text
    else:
        message = f"{verdict.outcome}: {_word(verdict)}"
        ET.SubElement(case, "failure", message=message, type=verdict.verdict).text = text
    return ET.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _properties(verdict: CanaryVerdict) -> dict[str, str]:
    figures: dict[str, str] = {
        "verdict": verdict.verdict,
        "rule": str(verdict.rule.version),
        "matured": str(verdict.matured),
        "positives": str(verdict.positives),
    }
    if verdict.decides is not None:
        d = verdict.decides.difference
        figures |= {"difference": f"{d.value:.6g}", "low": f"{d.low:.6g}", "high": f"{d.high:.6g}"}
        figures["margin"] = f"{verdict.decides.margin:.6g}"
    if verdict.needed is not None:
        figures["needed"] = str(verdict.needed)
    if verdict.certificate is not None:
        figures["certificate_data"] = verdict.certificate.data
    return figures


def plan_markdown(plan: CanaryPlan) -> str:
    """A plan as a page."""
    t = plan.traffic
    sizes = f"margin {plan.margin:.4g}; the champion's skill is {plan.skill:.4g}"
    who = f"{t.leads:,.1f} leads and {t.accounts:,.1f} accounts; {t.rate:.2%} turn out positive"
    spread = f"{plan.account_size:,.1f} decisions count as one account; {plan.spread}"
    lines = [
        f"# A comparison with {plan.champion}",
        "",
        f"- difference {plan.difference:.4g} of the Brier score, {sizes}",
        f"- traffic: {t.decisions:,.1f} decisions a day on {who}",
        f"- spread of paired differences: {plan.deviation:.4g} for one decision, {spread}",
        f"- an outcome is known {plan.horizon_days:g} days after its decision",
        "",
        f"| truth | verdict | so ends | half by | days | {plan.power:.0%} by | days |",
        "|---|---|---|---|---|---|---|",
        *(_planned(one) for one in plan.verdicts),
    ]
    return "\n".join(lines) + "\n"


def _planned(one: PlannedVerdict) -> str:
    cells = [
        "never" if n is None else f"{n:,.0f}"
        for n in (one.median, one.median_days, one.likely, one.likely_days)
    ]
    return f"| {one.name} | {one.verdict} | {one.share:.1%} | {' | '.join(cells)} |"


def _target(verdict: CanaryVerdict) -> str:
    return f" ({verdict.target})" if verdict.target else ""


def _row(compared: Compared) -> str:
    cells = [_cell(compared.champion), _cell(compared.challenger), _signed(compared.difference)]
    return f"| {_NAMES.get(compared.name, compared.name)} | {' | '.join(cells)} |"


def _cell(i: Interval) -> str:
    return f"{i.value:.4f} ({i.low:.4f} to {i.high:.4f})"


def _signed(i: Interval) -> str:
    return f"{i.value:+.4f} ({i.low:+.4f} to {i.high:+.4f})"
