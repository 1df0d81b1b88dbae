"""The decision plane, put together: the policy in force, and the audit trail."""

import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from config.settings import Settings
from decisions.audit.spool import Spool
from decisions.audit.spooled_trail import SpooledTrail
from decisions.audit.tables import create_tables
from decisions.audit.trail import AuditTrail
from decisions.policy.policy import load_policy
from decisions.policy.zen_policy import ZenPolicy
from domain.circuit_breaker import CircuitBreaker
from domain.errors import Missing, Unavailable
from domain.ports import NullObserver, Observer
from domain.verification import Head
from domain.versions.policy_manifest import POLICY_FILE, PolicyManifest
from registry.cache import OpenedVersion, open_version
from storage.engine import WAIT_S, open_engine
from wiring.integrity.agreement import standing_stages
from wiring.live_folders import policy_cache_of

POLICIES = Path(__file__).parents[1] / "decisions" / "policies"
UNWATCHED = NullObserver()
STANDARD = "standard"
"""The policy in force where none is registered and the settings name none."""


def open_trail(
    settings: Settings, *, live: bool = False, watch: Observer = UNWATCHED
) -> AuditTrail:
    """The audit trail of this home, with the spool before it where the settings name one.

    `live`: somebody waits for an answer, so nothing is waited for longer than the settings say.
    """
    wait_s = settings.audit_wait_ms / 1000 if live else WAIT_S
    # nobody waits for an answer yet: a new index on a long trail may take its time
    patient = open_engine(settings.audit_db)
    create_tables(patient)
    if live:
        patient.dispose()
    engine = open_engine(settings.audit_db, wait_s) if live else patient
    on_append = partial(_note, settings)
    if not settings.audit_spool:
        return AuditTrail(engine, wait_s, on_append)
    spool = Spool(Path(settings.audit_spool), settings.audit_spool_mb << 20)
    breaker = CircuitBreaker(
        time.monotonic, on_change=partial(watch.breaker, "audit"), failures=1, open_s=5.0
    )
    trail = SpooledTrail(engine, wait_s, spool, breaker, on_append)
    with suppress(Unavailable):
        trail.drain()
    return trail


def _note(settings: Settings, newest: Head) -> None:
    from wiring.integrity.checkpoints import note_trail

    note_trail(settings, newest)


def open_policy(settings: Settings) -> ZenPolicy:
    """The policy in force; a long-running process follows it by `follow_policy`."""
    label, path = in_force(settings)
    return load_policy(path, label)


def in_force(
    settings: Settings, checked: OpenedVersion[PolicyManifest] | None = None
) -> tuple[str | None, Path]:
    """The policy that decides now: its label where it is registered, and its file.

    `checked`: a version whose files were just checked, which are not checked again.
    """
    stages = None if settings.policy else standing_stages(settings, "policy")
    if stages is None or stages.champion is None:
        return None, policy_path(settings.policy or STANDARD)
    if checked is not None and checked.label == stages.champion.label:
        opened = checked
    else:
        opened = open_version(policy_cache_of(settings), stages.champion, PolicyManifest)
    return opened.label, opened.folder / POLICY_FILE


def policy_path(name: str) -> Path:
    """A policy file, or the one of that name that comes with the product. Raises Missing."""
    packaged = POLICIES / f"{name}.json"
    path = packaged if packaged.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in POLICIES.glob("*.json")))
        raise Missing(
            f"no policy {name!r}",
            rule="policy-file",
            todo=f"Give a file, or the name of a packaged policy: {known}.",
        )
    return path
