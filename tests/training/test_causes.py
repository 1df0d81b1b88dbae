"""What cannot be learnt from is refused by its true cause, and by the setting that mends it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest

from domain.clock import DAY, SystemClock
from domain.errors import LeadscoreError
from domain.journeys import Journeys, OutcomeEvent
from tests.conftest import SilentProgress
from tests.training.worlds import CONFIG, DEFINITION, history, journeys
from training.config import After, Every, TrainingConfig
from training.run import PreparedRun, TrainingRun


def prepare(
    config: TrainingConfig = CONFIG,
    told: Journeys | None = None,
    changed: dict[str, float] | None = None,
) -> PreparedRun:
    def read(leads: Sequence[str], accounts: Sequence[str], moments: Sequence[int]) -> pd.DataFrame:
        frame = history(leads, accounts, moments)
        for name, value in (changed or {}).items():
            frame.loc[frame.index[::7], name] = value
        return frame

    held = told if told is not None else journeys()
    return TrainingRun("small", config, DEFINITION, held, read, SystemClock()).prepare(
        SilentProgress()
    )


def refused(error: LeadscoreError, *words: str) -> None:
    said = f"{error} {error.todo}"
    for word in words:
        assert word in said, said


def of_one_company(share: float) -> Journeys:
    told = journeys()
    for i, span in enumerate(told.spans.values()):
        if i < share * len(told.spans):
            span.accounts.append((span.born_us, "acme"))
    return told


def test_the_world_itself_can_be_learnt_from(tmp_path: Path) -> None:
    assert len(prepare().parts.test)


@pytest.mark.parametrize("seed", range(3))
def test_one_company_is_named_as_the_cause(seed: int) -> None:
    told = of_one_company(1.0)
    for span in told.spans.values():
        span.accounts[:] = [(span.born_us, f"acme{seed}")]
    with pytest.raises(LeadscoreError) as caught:
        prepare(told=told)
    refused(caught.value, "one company of 1 has", "`account_id`", "identifiers")
    assert f"acme{seed}" not in str(caught.value)


@pytest.mark.parametrize("value", [1e39, -1e300, 3.3e38, np.inf, -np.inf])
def test_numbers_that_a_model_cannot_hold_are_told_by_column(value: float) -> None:
    with pytest.raises(LeadscoreError) as caught:
        prepare(changed={"size": value})
    refused(caught.value, "size (", "`exclude`")
    assert len(prepare(changed={"size": 1e38}).parts.test)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"horizon_days": 400.0}, ("longer than the log", "`horizon_days`")),
        ({"cutoffs": After(types=("none.such",))}, ("the log has none at all", "`cutoffs`")),
        ({"split": {"embargo_days": 1_000.0}}, ("within the embargo", "`split.embargo_days`")),
        ({"cutoffs": Every(days=110.0)}, ("moments", "`cutoffs.days`")),
    ],
)
def test_settings_that_leave_no_rows_are_named(
    config: dict[str, object], words: tuple[str, ...]
) -> None:
    given = {**msgspec.to_builtins(CONFIG), **msgspec.to_builtins(config)}
    with pytest.raises(LeadscoreError) as caught:
        prepare(msgspec.convert(given, TrainingConfig))
    refused(caught.value, *words)


def test_leads_that_nobody_named() -> None:
    told = journeys()
    for span in told.spans.values():
        span.known_us = told.watermark_us + DAY
    with pytest.raises(LeadscoreError) as caught:
        prepare(told=told)
    refused(caught.value, "no strong identifier", "`identified_only: false`")


def test_leads_that_were_decided_from_the_beginning() -> None:
    told = journeys()
    won = [OutcomeEvent(s.final, "won", s.born_us, s.born_us) for s in told.spans.values()]
    with pytest.raises(LeadscoreError) as caught:
        prepare(told=replace(told, outcomes=won))
    refused(caught.value, "decided already", "`cutoffs`")


def test_outcomes_that_never_come_within_the_horizon() -> None:
    told = journeys()
    late = [o for o in told.outcomes if o.happened_us > told.watermark_us - DAY][:1]
    late = late or [OutcomeEvent("lead0", "won", told.watermark_us, told.watermark_us)]
    with pytest.raises(LeadscoreError) as caught:
        prepare(msgspec.structs.replace(CONFIG, horizon_days=0.5), replace(told, outcomes=late))
    refused(caught.value, "none of", "'won'", "`horizon_days`")


def test_a_column_without_values_is_left_out() -> None:
    held = prepare(changed={"size": np.nan})
    assert "size" in held.parts.test.features
    with pytest.raises(LeadscoreError) as caught:
        prepare(msgspec.structs.replace(CONFIG, exclude=held.parts.test.features))
    refused(caught.value, "no feature differs", "`exclude`")
