"""The home itself: room on its disk, and whether its records are sound."""

import shutil

from jobs.alerts.watch import UNKNOWN, Watched, looked
from monitoring.alarms.alarm import AlarmLook, Sighting

VERIFY_HOURS = 24.0
"""How often every store is read whole."""
VERIFIED_AT = "verified-at"
_UNREADABLE = "it cannot be read"


def watch_disk(watched: Watched) -> AlarmLook:
    """Whether there is room left on the disk that the home is on.

    The share is of what a user can fill, as `df` counts it: blocks kept for root are left out.
    """
    usage = shutil.disk_usage(watched.settings.home)
    share, limit = usage.free / (usage.used + usage.free), watched.rules.limits.disk_free_share
    if share >= limit:
        return looked(("disk-nearly-full",))
    evidence = (f"{share:.1%} are free ({usage.free / 2**30:.2f} GiB), the limit is {limit:.0%}",)
    sighting = Sighting(kind="disk-nearly-full", subject="home", evidence=evidence)
    return looked(("disk-nearly-full",), [sighting])


def watch_records(watched: Watched) -> AlarmLook:
    """Whether chains of records are whole: every store is read, once a day."""
    from jobs.decisions.verify_home import STAGES, verify_home

    if not watched.due(VERIFIED_AT, VERIFY_HOURS):
        return UNKNOWN
    faults = [
        fault
        for fault in verify_home(watched.settings).faults
        if fault.store not in STAGES.values() and not fault.fault.startswith(_UNREADABLE)
    ]
    sightings = [
        Sighting(
            kind="audit-unsound",
            subject=fault.store.replace(" ", "-"),
            evidence=(
                f"{fault.count} entries fit",
                "one does not" if fault.broken is None else f"entry {fault.broken} does not",
            ),
        )
        for fault in faults
    ]
    return looked(("audit-unsound",), sightings)
