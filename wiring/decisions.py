"""The decision plane, put together: the policy in force, and the audit trail."""

from pathlib import Path

from decisions.audit import AuditTrail
from decisions.audit_tables import create_tables
from decisions.policy import load_policy
from decisions.zen_policy import ZenPolicy
from domain.errors import Missing
from wiring.settings import Settings
from wiring.stores import open_engine

POLICIES = Path(__file__).parents[1] / "decisions" / "policies"


def open_trail(settings: Settings) -> AuditTrail:
    """The audit trail of this home."""
    engine = open_engine(settings.audit_db)
    create_tables(engine)
    return AuditTrail(engine)


def open_policy(settings: Settings) -> ZenPolicy:
    """The policy in force."""
    return load_policy(policy_path(settings.policy))


def policy_path(name: str) -> Path:
    """A policy file, or the one of that name that comes with the product. Raises Missing."""
    packaged = POLICIES / f"{name}.json"
    path = packaged if packaged.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(p.stem for p in POLICIES.glob("*.json")))
        raise Missing(
            f"no policy {name!r}",
            rule="policy-file",
            todo=f"Give a file, or one of those that come along: {known}.",
        )
    return path
