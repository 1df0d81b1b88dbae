"""Leads that are eligible, or not, and decisions of a version or a grade are found by an index."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add column and indexes, unless the home was made with them."""
    connection = op.get_bind()
    columns = {column["name"] for column in sa.inspect(connection).get_columns("audit_ranking")}
    if "eligible" not in columns:
        column = sa.Column("eligible", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("audit_ranking", column)
        op.execute(
            "UPDATE audit_ranking SET eligible = (SELECT audit.eligible FROM audit"
            " WHERE audit.sequence = audit_ranking.sequence)"
            " WHERE sequence IN (SELECT sequence FROM audit)"
        )
    for name, table, by in (
        ("audit_ranking_by_eligible", "audit_ranking", ["eligible", "score DESC", "lead_id"]),
        ("audit_model_at", "audit", ["model", "sequence"]),
        ("audit_grade_at", "audit", ["grade", "sequence"]),
    ):
        op.create_index(name, table, [sa.text(one) for one in by], if_not_exists=True)
