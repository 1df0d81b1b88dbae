"""A page of the leads of one grade or queue is found by an index, wherever in the ranking it is."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the indexes, unless the home was made with them."""
    for column in ("grade", "queue"):
        op.create_index(
            f"audit_ranking_by_{column}",
            "audit_ranking",
            [column, sa.text("score DESC"), "lead_id"],
            if_not_exists=True,
        )
