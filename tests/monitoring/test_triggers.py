"""When to train again: each trigger by itself, and none without a reason on record."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import DAY
from domain.errors import BadConfiguration
from domain.measurement import Interval
from monitoring.causes.cause import Action, CauseKind
from monitoring.triggers import (
    Reported,
    ReportedCause,
    TriggerEvidence,
    TriggerLimits,
    decide,
    load_limits,
)

LIMITS = TriggerLimits(
    version=1,
    drift=(CauseKind.POPULATION_SHIFT, CauseKind.CONCEPT_DRIFT),
    drift_share=0.3,
    calibration_error=0.05,
    age_days=90,
    new_outcomes=500,
    rest_days=7,
)
NOW = 1_000 * DAY


def report(share: float = 0.0, low: float | None = None, model: str = "lead-1") -> Reported:
    error = None if low is None else Interval(value=low + 0.01, low=low, high=low + 0.02)
    return Reported(model=model, drift_share=share, calibration_error=error)


def named(kind: CauseKind, action: Action = "retrain") -> Reported:
    cause = ReportedCause(kind=kind, text="score above 0.1", action=action)
    return msgspec.structs.replace(report(), causes=(cause,))


def evidence(**changed: Any) -> TriggerEvidence:
    calm = TriggerEvidence(
        now_us=NOW, champion="lead-1", learnt_us=NOW - 30 * DAY, newest_us=NOW - 30 * DAY
    )
    return msgspec.structs.replace(calm, **changed)


def fired(held: TriggerEvidence, limits: TriggerLimits = LIMITS) -> set[str]:
    return {t.name for t in decide(held, limits).triggers if t.fired}


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({}, set()),
        ({"report": report(0.31)}, {"drift_share"}),
        ({"report": named(CauseKind.POPULATION_SHIFT)}, {"drift"}),
        ({"report": named(CauseKind.POPULATION_SHIFT, "none")}, set()),
        ({"report": named(CauseKind.SILENT_FEED, "mend")}, set()),
        ({"report": named(CauseKind.SEASON, "none")}, set()),
        ({"report": report(0.3)}, set()),
        ({"report": report(0.31, model="lead-0")}, set()),
        ({"report": report(0.0, 0.051)}, {"calibration"}),
        ({"report": report(0.0, 0.049)}, set()),
        ({"learnt_us": NOW - 91 * DAY}, {"age"}),
        ({"new_outcomes": 500}, {"outcomes"}),
        ({"new_outcomes": 499}, set()),
        (
            {"new_outcomes": 900, "report": report(0.9, 0.2)},
            {"outcomes", "drift_share", "calibration"},
        ),
    ],
)
def test_each_trigger_fires_for_its_own_reason(changed: dict[str, Any], names: set[str]) -> None:
    made = decide(evidence(**changed), LIMITS)
    assert {t.name for t in made.triggers if t.fired} == names
    assert made.needed == bool(names)
    assert made.why
    assert len(made.triggers) == 5


def test_the_first_version_needs_no_trigger() -> None:
    made = decide(TriggerEvidence(now_us=NOW), TriggerLimits(version=1))
    assert made.needed
    assert made.why == "there is no version yet"


def test_a_fresh_candidate_rests() -> None:
    made = decide(evidence(new_outcomes=900, newest_us=NOW - 2 * DAY), LIMITS)
    assert not made.needed
    assert "rests 7" in made.why
    assert decide(evidence(new_outcomes=900, newest_us=NOW - 8 * DAY), LIMITS).needed


@given(
    st.integers(0, 2_000),
    st.floats(0, 1),
    st.floats(0, 0.5),
    st.floats(0, 400),
    st.sampled_from(["drift_share", "calibration_error", "age_days", "new_outcomes"]),
)
def test_a_trigger_that_is_off_never_fires_and_decisions_are_pure(
    outcomes: int, share: float, low: float, days: float, off: str
) -> None:
    held = evidence(
        new_outcomes=outcomes, report=report(share, low), learnt_us=int(NOW - days * DAY)
    )
    limits = msgspec.structs.replace(LIMITS, **{off: None})
    made = decide(held, limits)
    assert made == decide(held, limits)
    assert len(made.triggers) == 4
    assert fired(held, limits) <= fired(held)


def test_the_file_that_comes_along_is_read_and_others_are_checked(tmp_path: Path) -> None:
    assert load_limits().label.startswith("triggers_v2-")
    assert CauseKind.POPULATION_SHIFT in load_limits().drift
    (tmp_path / "old.yaml").write_text("version: 1\ndrift_share: 0.3\nage_days: 90\n")
    assert load_limits(tmp_path / "old.yaml").drift_share == 0.3
    for text in ("version: 0", "version: 1\nage: 3", "version: 1\nnew_outcomes: 0", "[1", "3"):
        path = tmp_path / "triggers.yaml"
        path.write_text(text)
        with pytest.raises(BadConfiguration, match="trigger-limits"):
            load_limits(path)
