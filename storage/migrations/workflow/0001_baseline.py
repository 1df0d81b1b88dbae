"""The first form: effects that wait, what is known of their connectors, the journal of effects."""

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Nothing: tables that are not there are made before the scripts run."""
