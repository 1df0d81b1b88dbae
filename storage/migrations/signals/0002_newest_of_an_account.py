"""The people of an account that were seen last are found by an index."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the index, unless the home was made with it."""
    op.create_index("leads_account_known", "leads", ["account", "known_us"], if_not_exists=True)
