"""The form in which the store began."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: tables that are not there are made before the scripts run."""
