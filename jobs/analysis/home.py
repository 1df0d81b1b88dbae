"""A home as data frames, for notebooks: leads, features, versions, training, reasons, plots.

Everything reads but `train`, which registers a candidate.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pandas as pd

from config.os_account import os_account
from config.settings import Settings
from domain.clock import iso, parse_iso, to_us
from domain.errors import BadInput
from domain.identifiers import STRENGTH
from domain.ports import LeadRef
from feature_repo.catalogue import category_names, number_names
from jobs.analysis import plots
from jobs.leads.features_then import features_then
from jobs.models.compare_models import compare
from jobs.models.training_settings import training_config
from scoring.model.reasons import Reasoner
from wiring.outages import outages_told
from wiring.registry import open_registry
from wiring.scoring import Scoring, open_scoring

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 100_000
"""Leads in one frame, at most."""
PAGE = 1_000
_LEAD_COLUMNS = (
    *("lead_id", "score", "percentile", "grade", "eligible", "action", "queue", "priority"),
    *("next_best_action", "model", "policy", "arm", "decided", "decision_id"),
)


class SilentProgress:
    """Hears of a run's progress and says nothing."""

    def phase(self, text: str) -> None:
        """Do nothing."""

    def warn(self, text: str) -> None:
        """Do nothing."""

    def trial(self, done: int, of: int, best: float) -> None:
        """Do nothing."""


class Home:
    """One home; what `leadscore.open` gives. Frames are indexed by lead id where they are of leads.

    A lead is named by its id, or by kind and value, such as `crm_id:L-0000903`. Moments are
    datetimes with a zone, or RFC 3339 texts.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def leads(self, limit: int = 1_000, grade: str | None = None) -> pd.DataFrame:
        """Leads by the score of their newest recorded decision, highest first.

        Columns: score (a calibrated probability), percentile (0 to 100), grade, the decision, the
        versions, when it was decided. Raises BadInput where `limit` is not 1 to 100,000.
        """
        _check_limit(limit)
        rows: list[dict[str, Any]] = []
        cursor: str | None = None
        while len(rows) < limit:
            part = min(PAGE, limit - len(rows))
            page = self._scoring.trail.latest(part, after=cursor, grade=grade)
            rows += [_row(record.answer, record.decided_us) for record in page.records]
            cursor = page.cursor
            if cursor is None:
                break
        frame = pd.DataFrame(rows, columns=list(_LEAD_COLUMNS))
        frame["decided"] = pd.to_datetime(frame["decided"], utc=True, format="ISO8601")
        return frame.set_index("lead_id")

    def features(
        self,
        leads: Sequence[str] | None = None,
        at: datetime | str | None = None,
        limit: int = 1_000,
    ) -> pd.DataFrame:
        """Named features [n, features] of leads: as they are served, or as they were at a moment.

        `leads`: all, up to `limit`, unless named. At a moment: by a replay of the log, as training
        would see them; leads that were not known then are left out. Missing numbers are NaN.
        """
        refs = self._refs(leads, limit)
        if at is not None:
            ids = [str(ref.lead_id) for ref in refs]
            return features_then(self.settings, self._scoring.plane, ids, _moment_us(at))
        scoring = self._scoring
        rows = scoring.answerer.features(refs, to_us(scoring.clock.now()))
        definition, index = scoring.plane.definition, [str(ref.lead_id) for ref in refs]
        numbers = pd.DataFrame(rows.numbers, columns=list(number_names(definition)), index=index)
        texts = pd.DataFrame(
            list(rows.texts), columns=list(category_names(definition)), index=index
        )
        return pd.concat([numbers, texts], axis=1)

    def explain(self, lead: str) -> pd.DataFrame:
        """What each feature adds to a lead's score by the champion, the strongest first.

        Columns: feature, value, contribution (log-odds before calibration), text (of those that
        the service would tell as reasons, else ""). Nothing is decided or recorded.
        """
        (ref,) = self._refs([lead], 1)
        row = self.features([str(ref.lead_id)]).iloc[0]
        values: dict[str, Any] = {str(name): value for name, value in row.items()}
        loaded = self._scoring.versions.current().champion
        definition = self._scoring.plane.definition
        numbers = np.array([[values[n] for n in number_names(definition)]], dtype=np.float64)
        texts = [[str(values[n]) for n in category_names(definition)]]
        scored = loaded.scorer.score(numbers, texts)
        parts = loaded.scorer.explain(scored.leaves)[0]
        reasoner = Reasoner(definition, loaded.scorer.features)
        sentences = {one.feature: one.text for one in reasoner.reasons(parts, values)}
        names = list(loaded.scorer.features)
        frame = pd.DataFrame({"feature": names, "value": [values[n] for n in names]})
        frame["contribution"] = parts
        frame["text"] = [sentences.get(name, "") for name in names]
        return frame.sort_values("contribution", key=abs, ascending=False, ignore_index=True)

    def versions(self) -> pd.DataFrame:
        """Registered versions of the model: stage, when made, and each metric."""
        rows = [
            {"version": v.label, "stage": str(v.stage), "created": v.created}
            | {name: interval.value for name, interval in v.metrics.items()}
            for v in open_registry(self.settings).versions()
        ]
        return pd.DataFrame(rows or {"version": []}).set_index("version")

    def train(self, **changes: Any) -> str:
        """Train on the log and register a candidate; its label.

        By the home's `training.yaml`, with `changes` of its keys, such as `trials=20`. Raises
        BadInput for a key or a value that is none.
        """
        from jobs.models.train import train

        config = training_config(self.settings, None)
        merged = {**msgspec.to_builtins(config), **changes}
        try:
            config = msgspec.convert(merged, type(config))
        except msgspec.ValidationError as bad:
            raise BadInput(str(bad), rule="training-config") from bad
        with plots.backend_kept():
            version = train(self.settings, config, SilentProgress(), os_account())
        return version.label

    def compare(self, one: str, other: str) -> pd.DataFrame:
        """Two versions on the rows that both were tested on: a row a measure, with intervals.

        Columns: of each version and of the difference, value, low and high. Raises Refused where
        there are too few common rows.
        """
        comparison = compare(open_registry(self.settings), one, other)
        rows = {
            measure.name: {
                f"{name}{end}": getattr(interval, field)
                for name, interval in (
                    (comparison.one, measure.one),
                    (comparison.other, measure.other),
                    ("difference", measure.difference),
                )
                for field, end in (("value", ""), ("low", " low"), ("high", " high"))
            }
            for measure in comparison.measures
        }
        return pd.DataFrame.from_dict(rows, orient="index")

    def plot_leads(self, limit: int = MOST) -> "Axes":
        """How many leads have which score, by grade."""
        return plots.scores_by_grade(self.leads(limit))

    def plot_explanation(self, lead: str, most: int = 12) -> "Axes":
        """What moves a lead's score most, in log-odds."""
        return plots.contributions(self.explain(lead), most)

    def plot_comparison(self, one: str, other: str) -> "Axes":
        """The differences of two versions, each with its interval."""
        return plots.differences(self.compare(one, other), f"{other} less {one}")

    @cached_property
    def _scoring(self) -> Scoring:
        with outages_told():
            return open_scoring(self.settings)

    def _refs(self, leads: Sequence[str] | None, limit: int) -> list[LeadRef]:
        _check_limit(limit)
        directory = self._scoring.plane.directory
        if leads is None:
            return list(islice(directory.all(), limit))
        refs = []
        for name in leads[:MOST]:
            kind, colon, value = name.partition(":")
            known = colon and kind in STRENGTH
            refs.append(directory.find({kind: value}) if known else directory.resolve(name))
        return refs


def _row(answer: Any, decided_us: int) -> dict[str, Any]:
    fields = {**msgspec.structs.asdict(answer), **msgspec.structs.asdict(answer.decision)}
    fields |= {"model": answer.versions.model, "policy": answer.versions.policy}
    fields["decided"] = iso(decided_us)
    return {name: fields[name] for name in _LEAD_COLUMNS}


def _check_limit(limit: int) -> None:
    if not 1 <= limit <= MOST:
        raise BadInput(f"limit is {limit}, must be 1 to {MOST:,}", rule="page-limit")


def _moment_us(at: datetime | str) -> int:
    try:
        return to_us(parse_iso(at) if isinstance(at, str) else at)
    except ValueError as bad:
        raise BadInput(
            "not a moment with a zone", rule="rfc-3339", todo="Write it as 2026-03-01T12:00:00Z."
        ) from bad
