"""Gates: what passes, what does not, and rules that cannot be read."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from domain.errors import BadConfiguration
from domain.measurement import Interval
from domain.versions.manifest import Manifest, Stage
from registry.gate_file import STANDARD_FILE, load_gates
from registry.gates import GateRules, run_gates

Maker = Callable[..., Manifest]
NAN = float("nan")


def failed(manifest: Manifest, champion: Manifest | None = None) -> set[str]:
    results = run_gates(load_gates().of(Stage.CHAMPION), manifest, champion)
    return {result.name for result in results if not result.passed}


def test_an_honest_weak_model_passes(manifest: Maker) -> None:
    weak = {"auroc": Interval(value=0.64, low=0.55, high=0.72)}
    assert failed(manifest(weak)) == set()


@pytest.mark.parametrize(
    ("metrics", "counts", "gate"),
    [
        ({"auroc": Interval(value=0.6, low=0.5, high=0.7)}, {}, "ranks_better_than_chance"),
        ({"auroc": Interval(value=NAN, low=NAN, high=NAN)}, {}, "ranks_better_than_chance"),
        ({"calibration_error": Interval(value=0.09, low=0.05, high=0.1)}, {}, "calibrated"),
        ({"explanation_error": Interval(value=1e-3, low=1e-3, high=1e-3)}, {}, "explanation_exact"),
        ({}, {"test_positives": 19}, "enough_positives"),
        ({}, {"unwaived_leaks": 1}, "no_leaks"),
        ({}, {"bytes": 500_000_001}, "small"),
        ({"latency_ms": Interval(value=5.0, low=1.0, high=9.0)}, {}, "fast"),
        ({"latency_ms": Interval(value=1.0, low=1.0, high=50.0)}, {}, "fast_at_the_tail"),
        (
            {"auroc_over_champion": Interval(value=0.01, low=0.0, high=0.02)},
            {},
            "ranks_better_than_champion",
        ),
    ],
)
def test_each_rule_fails_for_its_own_reason(
    manifest: Maker, metrics: dict[str, Interval], counts: dict[str, int], gate: str
) -> None:
    assert failed(manifest(metrics, counts)) - {"ranks_like_champion"} == {gate}


def _over(value: float, low: float, high: float) -> Interval:
    return Interval(value=value, low=low, high=high)


@pytest.mark.parametrize(
    ("metrics", "gate"),
    [
        ({"auroc_over_scorecard": _over(-0.02, -0.04, -0.001)}, "no_baseline_beats"),
        ({"average_precision_over_scorecard": _over(-0.067, -0.150, -0.001)}, "no_baseline_beats"),
        ({"brier_over_static": _over(0.002, 0.0001, 0.004)}, "no_baseline_beats"),
        ({"brier_over_prior": _over(0.0003, -0.001, 0.002)}, "skilful"),
        ({"came_by_told": _over(0.47, 0.3, 0.7)}, "tells_not_too_much"),
        ({"came_by_told": _over(2.0, 1.3, 2.9)}, "tells_not_too_little"),
        ({"came_by_told_at_10pct": _over(0.4, 0.3, 0.6)}, "best_told_not_too_much"),
        ({"came_by_told_at_10pct": _over(2.4, 1.6, 3.0)}, "best_told_not_too_little"),
    ],
)
def test_what_is_shown_to_be_wrong_is_refused(
    manifest: Maker, metrics: dict[str, Interval], gate: str
) -> None:
    assert failed(manifest(metrics)) == {gate}


def test_the_more_differences_are_looked_at_the_more_one_must_show(manifest: Maker) -> None:
    """Alone it would refuse; beside five others chance makes one like it in one test of seven."""
    alone = {"auroc_over_scorecard": _over(-0.02, -0.04, -0.001)}
    others = {
        f"{name}_over_{baseline}": _over(0.0, -0.02, 0.02)
        for baseline in ("scorecard", "static")
        for name in ("auroc", "average_precision", "brier")
    }
    assert failed(manifest(alone)) == {"no_baseline_beats"}
    assert failed(manifest(others | alone)) == set()
    clear = {"auroc_over_scorecard": _over(-0.02, -0.033, -0.007)}
    assert failed(manifest(others | clear)) == {"no_baseline_beats"}


def test_grades_that_fall_are_refused(manifest: Maker) -> None:
    assert failed(manifest(counts={"grades_inverted": 1})) == {"grades_rise"}
    assert failed(manifest(counts={"grades_inverted": 0})) == set()


def test_what_chance_may_have_made_is_let_through(manifest: Maker) -> None:
    likely = {
        "auroc_over_scorecard": _over(-0.02, -0.05, 0.01),
        "brier_over_scorecard": _over(0.001, -0.001, 0.003),
        "brier_over_prior": _over(-0.0001, -0.002, 0.002),
        "came_by_told": _over(0.7, 0.5, 0.9),
        "came_by_told_at_10pct": _over(0.6, 0.4, 0.8),
    }
    assert failed(manifest(likely)) == set()


def rules_of(document: dict[str, Any]) -> GateRules:
    return msgspec.convert(document, GateRules)


def test_a_baseline_that_must_be_measured_is(manifest: Maker) -> None:
    rule = {"rule": "unbeaten", "name": "g", "baselines": ["scorecard"], "higher": ["auroc"]}
    (result,) = run_gates(rules_of({"version": 1, "champion": [rule]}).champion, manifest(), None)
    assert (result.passed, result.note) == (False, "the difference to a baseline was not measured")


def test_an_absent_metric_does_not_pass_by_silence(manifest: Maker) -> None:
    rules = rules_of({"version": 1, "champion": [_above(metric="lift")]})
    (result,) = run_gates(rules.champion, manifest(), None)
    assert (result.passed, result.value, result.note) == (False, None, "lift was not measured")


def test_a_limit_is_stated_only_where_the_rules_let_it(manifest: Maker) -> None:
    rule = {"rule": "at_most", "count": "changed", "limit": 0}
    held = [rule | {"name": "may", "may_be_stated": True}, rule | {"name": "may_not"}]
    rules = rules_of({"version": 1, "champion": held}).champion
    made = manifest(counts={"changed": 3})
    for stated, passed in (({}, False), ({"changed": 2}, False), ({"changed": 3}, True)):
        may, may_not = run_gates(rules, made, None, stated)
        assert (may.passed, may_not.passed) == (passed, False)
    absent, _ = run_gates(rules, manifest(), None, {"changed": 9})
    assert not absent.passed


def test_compared_with_the_champions_interval(manifest: Maker) -> None:
    champion = manifest({"auroc": Interval(value=0.8, low=0.75, high=0.85)})
    at = manifest({"auroc": Interval(value=0.75, low=0.70, high=0.80)})
    under = manifest({"auroc": Interval(value=0.749, low=0.70, high=0.80)})
    assert failed(at, champion) == set()
    assert failed(under, champion) == {"ranks_like_champion"}
    assert failed(under, None) == set()
    worse = manifest({"brier": Interval(value=0.12, low=0.1, high=0.13)})
    assert failed(worse, champion) == {"errs_like_champion"}


def _above(**changed: object) -> dict[str, Any]:
    return {"rule": "above", "name": "g", "metric": "auroc", "limit": 0.5} | changed


@pytest.mark.parametrize(
    "document",
    [
        None,
        {"champion": []},
        {"version": 0},
        {"version": 1, "candidate": []},
        {"version": 1, "champion": [_above(limt=1)]},
        {"version": 1, "champion": [_above(rule="over")]},
        {"version": 1, "champion": [_above(end="middle")]},
        {"version": 1, "champion": [_above(limit="high")]},
        {"version": 1, "champion": [_above(), _above()]},
    ],
)
def test_rules_that_cannot_be_read_are_refused(document: object, tmp_path: Path) -> None:
    path = tmp_path / "gates.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(BadConfiguration) as refusal:
        load_gates(path)
    assert refusal.value.exit_code == 2


def test_a_file_that_is_no_yaml_is_refused(tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text("version: [1")
    for name in ("gates.yaml", "absent.yaml"):
        with pytest.raises(BadConfiguration, match="gate-rules"):
            load_gates(tmp_path / name)


def test_the_label_tells_rules_apart() -> None:
    one = rules_of({"version": 1, "champion": [_above()]})
    other = rules_of({"version": 1, "champion": [_above(limit=0.6)]})
    assert one.label != other.label
    assert one.label.startswith("gates_v1-")


@pytest.mark.parametrize(
    "missing", ["challenger", "champion", "policy.challenger", "policy.champion"]
)
def test_a_stage_without_gates_is_refused(tmp_path: Path, missing: str) -> None:
    document: dict[str, Any] = yaml.safe_load(STANDARD_FILE.read_text())
    *above, last = missing.split(".")
    held = document
    for name in above:
        held = held[name]
    values: tuple[list[str] | None, ...] = ([], None)
    for value in values:
        held.pop(last, None)
        if value is not None:
            held[last] = value
        (tmp_path / "gates.yaml").write_text(yaml.safe_dump(document))
        with pytest.raises(BadConfiguration, match=f"{missing} has no gates"):
            load_gates(tmp_path / "gates.yaml")


def gates_with(rule: str, stage: str = "champion") -> str:
    """The standard gates with one more, at the end of a stage of models."""
    head, policy = STANDARD_FILE.read_text().split("\n# What is measured at promotion")
    challenger, champion = head.split("\nchampion:\n")
    line = f"  - {{{rule}}}\n"
    if stage == "champion":
        champion += line
    else:
        challenger += line
    return f"{challenger}\nchampion:\n{champion}\n# What is measured at promotion{policy}"


@pytest.mark.parametrize(
    ("rule", "what", "todo"),
    [
        (
            "rule: below, name: g, metric: came_by_tolt, limit: 1, absent: pass",
            "unknown metric, 'came_by_tolt'",
            "came_by_told",
        ),
        (
            "rule: above, name: g, metric: aurok, limit: 0.5, absent: pass",
            "unknown metric, 'aurok'",
            "Did you mean auroc",
        ),
        ("rule: at_least, name: g, count: tst_rows, limit: 1", "unknown count", "test_rows"),
        ("rule: at_most, name: g, count: golden_changed, limit: 1", "unknown count", "It must be"),
        ("rule: not_worse, name: g, metric: bryer, better: lower", "unknown metric", "brier"),
        ("rule: not_worse, name: g, metric: brier, better: higher", "better higher", "lower"),
        ("rule: not_worse, name: g, metric: came_by_told, better: lower", "better lower", "at 1"),
        (
            "rule: unbeaten, name: g, baselines: [scorcard], higher: [auroc], absent: pass",
            "unknown baseline, 'scorcard'",
            "scorecard",
        ),
        (
            "rule: unbeaten, name: g, baselines: [static], higher: [lift], absent: pass",
            "unknown difference to a baseline, 'lift_over_static'",
            "",
        ),
        ("rule: unbeaten, name: g, baselines: [static], lower: [auroc]", "better lower", "higher"),
        ("rule: unbeaten, name: g, baselines: [static]", "compares nothing", "higher: [auroc]"),
        ("rule: below, name: fast, metric: latency_ms, limit: 9", "'fast' is defined twice", ""),
    ],
)
@pytest.mark.parametrize("stage", ["challenger", "champion"])
def test_a_gate_that_could_never_refuse_is_refused_by_line(
    tmp_path: Path, rule: str, what: str, todo: str, stage: str
) -> None:
    text = gates_with(rule, stage)
    (tmp_path / "gates.yaml").write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        load_gates(tmp_path / "gates.yaml")
    line = text.splitlines().index(f"  - {{{rule}}}") + 1
    assert caught.value.where == f"gates.yaml, line {line}"
    assert what in caught.value.what
    assert todo in caught.value.todo


def test_a_policys_gates_refer_to_what_is_measured_of_policies(tmp_path: Path) -> None:
    text = STANDARD_FILE.read_text().replace("count: findings", "count: test_rows", 1)
    (tmp_path / "gates.yaml").write_text(text)
    with pytest.raises(BadConfiguration, match="unknown count, 'test_rows'"):
        load_gates(tmp_path / "gates.yaml")
