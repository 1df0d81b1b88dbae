"""The form of version 0.2.0, and of homes from before there were revisions."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: tables that are not there are made before the scripts run."""
