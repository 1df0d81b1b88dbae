"""A process that moves leads which wait, and says what it took; run by the benchmark of workflows.

python -m tests.benchmarks.waiting_leads URL SECONDS
"""

import sys
import time
from pathlib import Path

BEGAN = time.monotonic()


def memory_mb() -> dict[str, float]:
    """Resident memory now and at its height, and the part that is this process's own."""
    lines = Path("/proc/self/status").read_text().splitlines()
    names = {"VmRSS": "resident", "VmHWM": "highest", "RssAnon": "own"}
    values = dict(line.split(":", 1) for line in lines if line.split(":", 1)[0] in names)
    return {names[name]: int(text.split()[0]) / 1024 for name, text in values.items()}


def main(url: str, seconds: float) -> None:
    from config.settings import Settings
    from tests.workflow.charts import DAY, NOON, standard
    from wiring.workflow import open_workflow
    from workflow.outbox.enqueue import enqueue
    from workflow.owners.roster import OwnerSpec, PoolSpec, Roster
    from workflow.store.lead_store import LeadStore

    owners = {f"owner_{n}": OwnerSpec(capacity=100_000) for n in range(20)}
    roster = Roster(
        version=1,
        owners=owners,
        pools={"all": PoolSpec(owners=tuple(owners))},
        otherwise="all",
    )
    settings = Settings(home=Path("/nonexistent"), workflow_url=url)
    store = LeadStore(open_workflow(settings), standard(), enqueue, roster)
    store.position("ticks")
    started_s = time.monotonic() - BEGAN
    process_began_s = time.time() - Path("/proc/self").stat().st_ctime
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    began, leads = time.monotonic(), 0
    while (took_s := time.monotonic() - began) < seconds:
        count = store.fire_due(NOON + DAY)
        leads += count
        if not count:
            break
    figures = {
        "started_s": started_s,
        "since_start_s": process_began_s,
        "leads": leads,
        "took_s": took_s,
        **memory_mb(),
    }
    sys.stdout.write(repr(figures) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
