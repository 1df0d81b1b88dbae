"""Objectives, and what is left of an error budget: `slo.yaml`, its types, and the arithmetic."""

from pathlib import Path
from typing import Literal

import msgspec

from storage.config_numbers import FileVersion, OpenShare, PositiveSeconds
from storage.typed_yaml import read_typed

STANDARD_FILE = Path(__file__).with_name("slo.yaml")
DEGRADED_ALARM = 0.05
"""A larger share of degraded answers is an alarm whatever is left of the budget."""
FAULTS = "unavailable|no-model|internal|timed-out|saturated"
State = Literal["met", "broken", "unknown"]


class ShareObjective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share that is to be kept, below 1."""

    target: OpenShare


class TimedObjective(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A share that is to be kept within so many seconds.

    Prometheus knows only the limits that are bounds of its histogram's buckets.
    """

    target: OpenShare
    limit_s: PositiveSeconds


class Objectives(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole of `slo.yaml`: the objectives, and over how many days a budget goes."""

    version: FileVersion
    window_days: Literal[1, 3, 7, 30] = 30
    availability: ShareObjective
    latency: TimedObjective
    freshness: TimedObjective
    ingest_lag: TimedObjective
    degraded: ShareObjective
    calibration_error: OpenShare

    @property
    def shares(self) -> dict[str, ShareObjective | TimedObjective]:
        """All objectives that have an error budget, by name."""
        return {
            "availability": self.availability,
            "latency": self.latency,
            "freshness": self.freshness,
            "ingest_lag": self.ingest_lag,
            "degraded": self.degraded,
        }

    def queries(self) -> dict[str, str]:
        """Per objective with a budget, what asks Prometheus for the share that was broken."""
        window = f"{self.window_days}d"
        score = 'leadscore_answer_seconds_bucket{endpoint="score", le="%s"}'
        return {
            "availability": _unanswered(window),
            "latency": _slower(score % f"{self.latency.limit_s:g}", window),
            "freshness": _slower(
                f'leadscore_events_seconds_bucket{{le="{self.freshness.limit_s:g}"}}', window
            ),
            "ingest_lag": (
                f"avg_over_time((max(leadscore_lag_seconds) > bool {self.ingest_lag.limit_s:g})"
                f"[{window}:1m])"
            ),
            "degraded": (
                f'(sum(rate(leadscore_answers_total{{outcome="degraded"}}[{window}])) '
                f'or vector(0)) / sum(rate(leadscore_answers_total{{arm!=""}}[{window}]))'
            ),
        }


class ObjectiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """How an objective does.

    `target` is the share to be kept, of `calibration_error` the largest error; `measured` is the
    share that was broken, or the error. `budget_left` is 1 where nothing was broken, 0 where all
    that may be was, below 0 where more was. All are None where nobody knows; then `state` is
    `unknown`, and `note` says what is missing. `source` says by what.
    """

    objective: str
    target: float
    limit_s: float | None = None
    measured: float | None = None
    budget_left: float | None = None
    state: State = "unknown"
    source: str = ""
    note: str = ""


def share_status(
    name: str, objective: ShareObjective | TimedObjective, broken: float | None, source: str
) -> ObjectiveStatus:
    """How an objective does of which a share was broken; None: unknown.

    >>> share_status("latency", ShareObjective(target=0.99), 0.005, "x").budget_left
    0.5
    """
    limit_s = objective.limit_s if isinstance(objective, TimedObjective) else None
    if broken is None:
        return ObjectiveStatus(
            objective=name, target=objective.target, limit_s=limit_s, note=source
        )
    left = 1 - broken / (1 - objective.target)
    return ObjectiveStatus(
        objective=name,
        target=objective.target,
        limit_s=limit_s,
        measured=broken,
        budget_left=round(left, 9),
        state="met" if left >= 0 else "broken",
        source=source,
    )


def load_objectives(path: Path = STANDARD_FILE) -> Objectives:
    """Objectives from a YAML file, by default the standard ones. Raises BadConfiguration."""
    return read_typed(path, Objectives, "objectives", todo="docs/alerts.md tells every key.")


def _unanswered(window: str) -> str:
    return (
        f'(sum(rate(leadscore_answers_total{{outcome=~"{FAULTS}"}}[{window}])) or vector(0)) / '
        f"( (sum(rate(leadscore_answer_seconds_count[{window}])) or vector(0)) + "
        f'(sum(rate(leadscore_answers_total{{arm=""}}[{window}])) or vector(0)) )'
    )


def _slower(bucket: str, window: str) -> str:
    name, _, labels = bucket.partition("{")
    count = name.removesuffix("_bucket") + "_count"
    kept = [pair for pair in labels.rstrip("}").split(", ") if not pair.startswith("le=")]
    of = f"{{{', '.join(kept)}}}" if kept else ""
    return f"1 - ( sum(rate({bucket}[{window}])) / sum(rate({count}{of}[{window}])) )"
