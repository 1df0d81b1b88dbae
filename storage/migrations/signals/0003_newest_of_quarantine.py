"""The newest documents of quarantine, of a rule or of all, are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Put the indexes in place of that of rules alone, unless the home was made with them."""
    newest = ["received_us DESC", "origin", "line"]
    for name, by in (("newest", newest), ("newest_of_rule", ["rule", *newest])):
        columns = [sa.text(one) for one in by]
        op.create_index(f"quarantine_{name}", "quarantine", columns, if_not_exists=True)
    op.drop_index("quarantine_rule", "quarantine", if_exists=True)
