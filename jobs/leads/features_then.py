"""Features of leads at a past moment, by the log: what training would see of them."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from config.settings import Settings
from jobs.signals.replay_log import replay_history
from wiring.scratch_home import scratch_home
from wiring.signals import SignalPlane

if TYPE_CHECKING:
    import pandas as pd


def features_then(
    settings: Settings, plane: SignalPlane, leads: Collection[str], moment_us: int
) -> "pd.DataFrame":
    """The named features [n, features] of those leads that were known then, by current lead id.

    The log is replayed once. A lead that was several then is told by the one of the smallest id.
    """
    from feature_repo.catalogue import catalogue
    from wiring.features import open_features

    wanted, spans = set(map(str, leads)), {}
    with scratch_home(settings, plane.definition, "history") as scratch:
        journeys = replay_history(scratch, plane, ())
        for span in sorted(journeys.spans.values(), key=lambda s: s.lead_id, reverse=True):
            if span.final in wanted and span.born_us <= moment_us < span.ended_us:
                spans[str(span.final)] = span
        names = [feature.name for feature in catalogue(plane.definition)]
        rows = [spans[lead] for lead in sorted(spans)]
        if not rows:
            import pandas as pd

            return pd.DataFrame(columns=names)
        frame = open_features(scratch, plane.definition).history(
            [span.lead_id for span in rows],
            [span.account_at(moment_us) for span in rows],
            [moment_us] * len(rows),
        )
    frame.index = sorted(spans)
    return frame[names]
