"""The tables of the audit trail, and what keeps them append-only."""

import sqlalchemy as sa

from domain.errors import BadConfiguration, Unavailable
from storage.append_only import append_only
from storage.migrations import migrate

METADATA = sa.MetaData()

AUDIT = sa.Table(
    "audit",
    METADATA,
    sa.Column(
        "sequence",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("decision_id", sa.String(64), nullable=False, unique=True),
    sa.Column("lead_id", sa.String(64), nullable=False),
    sa.Column("account_id", sa.String(64), nullable=False),
    sa.Column("decided_us", sa.BigInteger, nullable=False),
    sa.Column("model", sa.String(128), nullable=False),
    sa.Column("arm", sa.String(16), nullable=False),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("grade", sa.String(8), nullable=False),
    sa.Column("eligible", sa.Boolean, nullable=False),
    sa.Column("queue", sa.String(128), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("audit_lead_at", "lead_id", "sequence"),
    sa.Index("audit_decided_at", "decided_us", "sequence"),
    sa.Index("audit_account_at", "account_id", "sequence"),
    sa.Index("audit_model_at", "model", "sequence"),
    sa.Index("audit_grade_at", "grade", "sequence"),
)
"""One row a decision, numbered from 1 without gaps. `body` is the record as JSON, and the only
thing hashed; the columns beside it repeat what look-ups need, and `verify` compares them."""

RANKING = sa.Table(
    "audit_ranking",
    METADATA,
    sa.Column("lead_id", sa.String(64), primary_key=True),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("decided_us", sa.BigInteger, nullable=False),
    sa.Column("score", sa.Double, nullable=False),
    sa.Column("grade", sa.String(8), nullable=False),
    sa.Column("queue", sa.String(128), nullable=False),
    sa.Column("eligible", sa.Boolean, nullable=False),
    sa.Index("audit_ranking_by_score", sa.text("score DESC"), "lead_id"),
    sa.Index("audit_ranking_by_grade", "grade", sa.text("score DESC"), "lead_id"),
    sa.Index("audit_ranking_by_queue", "queue", sa.text("score DESC"), "lead_id"),
    sa.Index("audit_ranking_by_eligible", "eligible", sa.text("score DESC"), "lead_id"),
)
"""Each lead's newest decision: derived from the trail, and rewritten as it grows."""

REQUESTS = sa.Table(
    "audit_requests",
    METADATA,
    sa.Column("request_key", sa.String(64), primary_key=True),
    sa.Column("decision_id", sa.String(64), nullable=False),
)
"""Which decision a request was answered with, of those that may be sent again."""

_TAKEN = "SELECT 1 FROM audit WHERE sequence = NEW.sequence OR decision_id = NEW.decision_id"
GUARDS = append_only("audit", "the audit trail", f"EXISTS ({_TAKEN})")
"""Statements that make the table refuse changes, by dialect."""


def create_tables(engine: sa.Engine) -> None:
    """Create what is not there yet; harmless to repeat. Raises Unavailable.

    Raises BadConfiguration where the database is neither SQLite nor PostgreSQL.
    """
    guards = guards_of(engine)
    try:
        migrate(engine, "audit", METADATA)
        with engine.begin() as connection:
            for guard in guards:
                connection.exec_driver_sql(guard)
    except sa.exc.SQLAlchemyError as bad:
        raise Unavailable("the audit trail cannot be created", rule="audit-available") from bad


def guards_of(engine: sa.Engine) -> tuple[str, ...]:
    """The guards of an engine's dialect. Raises BadConfiguration where it has none."""
    name = engine.dialect.name
    if name not in GUARDS:
        raise BadConfiguration(
            f"the database is {name}, must be one of {sorted(GUARDS)}", rule="audit-database"
        )
    return GUARDS[name]
