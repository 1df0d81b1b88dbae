"""What the event log and its quality gates say: silence, quarantine, unusual batches."""

from collections.abc import Iterator

from sqlalchemy import Connection, inspect

from domain.clock import DAY, SECOND
from jobs.alerts.watch import UNKNOWN, Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting
from signals.identity.directory import Directory
from signals.quality.batch_gate import GATE
from signals.quality.tables import findings, stored_findings
from signals.store.tables import counter, totals
from storage.engine import has_database, open_engine

LEAST = 20
"""So few events in quarantine, and none accepted, are no alarm yet."""
BATCH_HOURS = 24.0
"""For so long after it was found an unusual batch is an alarm."""
WAIT_S = 2.0


def watch_signals(watched: Watched) -> AlarmLook:
    """Everything quarantined since the last look, unusual batches, a log that hears nothing."""
    if not has_database(watched.settings.signals_db):
        return UNKNOWN
    engine = open_engine(watched.settings.signals_db, WAIT_S)
    try:
        with engine.connect() as connection:
            tables = inspect(connection)
            if not (tables.has_table(totals.name) and tables.has_table(findings.name)):
                return UNKNOWN
            looks = [_quarantined(watched, connection), _batches(watched, connection)]
        if watched.settings.clock == "system":
            looks.append(_silent(watched, Directory(engine).watermark_us()))
    finally:
        engine.dispose()
    return AlarmLook(
        frozenset().union(*(look.kinds for look in looks)),
        tuple(sighting for look in looks for sighting in look.sightings),
    )


def _quarantined(watched: Watched, connection: Connection) -> AlarmLook:
    now = {name: float(counter(connection, name)) for name in ("accepted", "quarantined")}
    first = not now.keys() <= watched.before.keys()
    accepted, refused = (now[name] - watched.before.get(name, 0.0) for name in now)
    if first or accepted < 0 or refused < 0 or accepted > 0:
        watched.counted.update(now)
        return UNKNOWN if first else looked(("all-quarantined",))
    if refused < LEAST:  # they count with what comes until the next look
        return UNKNOWN
    watched.counted.update(now)
    evidence = (f"{refused:.0f} events quarantined, 0 accepted",)
    sighting = Sighting(kind="all-quarantined", subject="events", evidence=evidence)
    return looked(("all-quarantined",), [sighting])


def _batches(watched: Watched, connection: Connection) -> AlarmLook:
    first = "batches-known" not in watched.before
    watched.counted["batches-known"] = 1.0
    counts = {f: n for f, n in stored_findings(connection).items() if f.gate == GATE}
    seen: dict[str, list[str]] = {}
    for finding, count in counts.items():
        key = f"batch:{finding.rule}:{finding.about}"
        before = watched.before.get(key, float(count) if first else 0.0)
        watched.counted[key] = float(count)
        at = watched.before.get(f"{key}@", 0.0) if count <= before else float(watched.now_us)
        watched.counted[f"{key}@"] = at
        if watched.now_us - at < BATCH_HOURS * DAY / 24:
            seen.setdefault(finding.about, []).append(f"rule {finding.rule}: {count} times so far")
    return looked(("batch-findings",), _unusual(seen))


def _unusual(seen: dict[str, list[str]]) -> Iterator[Sighting]:
    for about, lines in seen.items():
        acted = "where its rule says `stop`, nothing of the batch was taken in"
        yield Sighting(
            kind="batch-findings", subject=about, evidence=tuple(sorted(lines)), acted=acted
        )


def _silent(watched: Watched, watermark_us: int) -> AlarmLook:
    if not watermark_us:
        return UNKNOWN
    hours = (watched.now_us - watermark_us) / SECOND / 3600
    if hours <= watched.rules.limits.stale_hours:
        return looked(("signals-silent",))
    evidence = (f"nothing newer for {hours:.1f} hours",)
    sighting = Sighting(kind="signals-silent", subject="log", evidence=evidence)
    return looked(("signals-silent",), [sighting])
