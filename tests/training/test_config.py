"""A training run's settings: read once, unknown keys refused."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from config.settings import Settings
from domain.errors import BadConfiguration, Missing
from feature_repo.standard import standard_service
from jobs.models.training_settings import training_config
from training.config import After, Every, Split, TrainingConfig, read_config
from wiring.signals import write_definition

ROOT = Path(__file__).parents[2]


def read(tmp_path: Path, text: str) -> TrainingConfig:
    path = tmp_path / "training.yaml"
    path.write_text(text, encoding="utf-8")
    return read_config(path)


def test_an_empty_file_asks_for_the_defaults(tmp_path: Path) -> None:
    assert read(tmp_path, "") == TrainingConfig()
    assert TrainingConfig().embargo_days == TrainingConfig().horizon_days


def test_all_settings_are_read(tmp_path: Path) -> None:
    text = """
outcome: lost
horizon_days: 21
cutoffs: {rule: after, types: [crm.lead_created], delay_hours: 6}
from: 2026-01-02T03:04:05+02:00
split: {test_share: 0.3, embargo_days: 0}
trials: 3
seed: 9
iterations: 50
identified_only: false
exclude: [country]
"""
    held = read(tmp_path, text)
    assert held.begin is not None
    assert held.begin.astimezone(UTC) == datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC)
    assert msgspec.structs.replace(held, begin=None) == TrainingConfig(
        outcome="lost",
        horizon_days=21.0,
        cutoffs=After(types=("crm.lead_created",), delay_hours=6.0),
        split=Split(test_share=0.3, embargo_days=0.0),
        trials=3,
        seed=9,
        iterations=50,
        identified_only=False,
        exclude=("country",),
    )
    assert held.embargo_days == 0


def test_a_date_alone_is_midnight_utc(tmp_path: Path) -> None:
    for text in ("from: 2026-01-02", "from: 2026-01-02T00:00:00Z", "from: '2026-01-02T00:00:00Z'"):
        assert read(tmp_path, text).begin == datetime(2026, 1, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "horizon: 3",
        "cutoffs: {rule: every, days: 7, hours: 1}",
        "cutoffs: {rule: sometimes}",
        "cutoffs: {days: 7}",
        "cutoffs: {rule: after}",
        "cutoffs: {rule: every, days: 0}",
        "cutoffs: {rule: every, days: 1.0e-12}",  # would be no step at all
        "split: {test_share: 1.0}",
        "split: {share: 0.1}",
        "from: 2026-01-02 03:04:05",  # which zone?
        "from: '2026-01-02T03:04:05'",
        "from: soon",
        "trials: 0",
        "trials: many",
        "split: {folds: 0}",
        "waivers: [{feature: tags}]",
        "waivers: [{feature: tags, reason: ' '}]",
        "cutoffs: {rule: first_contact, days: 1}",
        "horizon_days: 0",
        "horizon_days: .nan",
        "- outcome",
        "outcome: [",
        "begin: 2026-01-02",
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadConfiguration) as caught:
        read(tmp_path, text)
    assert caught.value.rule == "training-config"
    assert caught.value.where.startswith("training.yaml")


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "training.yaml").write_bytes(b"outcome: \xff\xfe")
    with pytest.raises(BadConfiguration):
        read_config(tmp_path / "training.yaml")


def test_no_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(Missing):
        read_config(tmp_path / "none.yaml")


def test_the_digest_tells_settings_apart_and_nothing_else() -> None:
    one = TrainingConfig(cutoffs=Every(days=7), begin=datetime(2026, 1, 1, tzinfo=UTC))
    same = msgspec.convert(one.document(), TrainingConfig)
    assert same == one
    assert same.digest() == one.digest()
    changes = (
        {"seed": 8},
        {"cutoffs": Every(days=8)},
        {"cutoffs": After(types=("a.b",))},
        {"split": Split(test_share=0.5)},
        {"begin": None},
        {"exclude": ("a",)},
    )
    digests = {msgspec.structs.replace(one, **change).digest() for change in changes}
    assert len({one.digest(), *digests}) == len(changes) + 1


@pytest.mark.parametrize("path", sorted(ROOT.glob("examples/*/training.yaml")), ids=str)
def test_the_examples_are_read(path: Path) -> None:
    read_config(path)


def test_groups_are_configured_with_ascending_bins(tmp_path: Path) -> None:
    held = read(
        tmp_path,
        "fairness: {groups: [{feature: country}, {feature: employees, bins: [50, 500]}],"
        " top_share: 0.1, min_rows: 30}",
    ).fairness
    assert [g.feature for g in held.groups] == ["country", "employees"]
    assert held.groups[1].bins == (50.0, 500.0)
    assert (held.top_share, held.threshold, held.min_rows) == (0.1, None, 30)
    with pytest.raises(BadConfiguration, match="must ascend"):
        read(tmp_path, "fairness: {groups: [{feature: employees, bins: [500, 50]}]}")
    with pytest.raises(BadConfiguration, match="unknown"):
        read(tmp_path, "fairness: {group: []}")


@pytest.mark.parametrize(
    ("text", "line", "told"),
    [
        ("trials: 3\noutcome: wom\n", 2, "unknown outcome 'wom'"),
        ("exclude:\n  - country\n  - contry\n", 3, "Did you mean country"),
        ("waivers:\n- {feature: contry, reason: r}\n", 2, "unknown feature 'contry'"),
        ("fairness:\n  groups:\n  - feature: contry\n", 3, "unknown feature 'contry'"),
        ("cutoffs:\n  rule: after\n  types: [crm.lead_creatd]\n", 3, "crm.lead_created"),
    ],
)
def test_a_name_that_refers_to_nothing_is_refused_by_line(
    tmp_path: Path, text: str, line: int, told: str
) -> None:
    definition = standard_service()
    write_definition(tmp_path / "definition.json", definition)
    (tmp_path / "training.yaml").write_text(text)
    with pytest.raises(BadConfiguration) as caught:
        training_config(Settings(home=tmp_path), None)
    assert caught.value.where == f"training.yaml, line {line}"
    assert told in str(caught.value)
