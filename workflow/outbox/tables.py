"""The outbox's tables: effects, and what is known of the connectors that carry them out."""

import sqlalchemy as sa

from storage.append_only import append_only
from workflow.metadata import METADATA

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_WAITING = sa.text("state = 'waiting'")

EFFECTS = sa.Table(
    "effects",
    METADATA,
    sa.Column("sequence", _NUMBER, primary_key=True),
    sa.Column("key", sa.String(128), nullable=False, unique=True),
    sa.Column("connector", sa.String(64), nullable=False),
    sa.Column("lane", sa.String(160), nullable=False),
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("due_us", sa.BigInteger, nullable=False),
    sa.Column("lease_us", sa.BigInteger, nullable=False),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("begun", sa.Integer, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("settled_us", sa.BigInteger, nullable=False),
    sa.Column("rule", sa.String(64), nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index(
        "effects_due",
        "connector",
        "due_us",
        "sequence",
        sqlite_where=_WAITING,
        postgresql_where=_WAITING,
    ),
    sa.Index("effects_lane", "connector", "lane", "state", "sequence"),
    sa.Index("effects_state", "state", "settled_us"),
)
"""One row an effect, in the order in which they were asked for. `state`: waiting, delivered, dead,
dropped. `lane` is the lead, or what stands for it: of one connector and lane one effect goes at a
time, in order. A waiting row may be claimed from `due_us` on; until `lease_us` it is `holder`'s.
`begun` counts how often it was claimed, `failures` how often it then failed. `rule` and `cause`
say why it failed last, without personal data. `created_us` is when it was asked for, or was last
tried again by a person. `body` is the effect as JSON. Moments are in
microseconds since 1970, 0 for none."""

CONNECTORS = sa.Table(
    "effect_connectors",
    METADATA,
    sa.Column("connector", sa.String(64), primary_key=True),
    sa.Column("not_before_us", sa.BigInteger, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("cause", sa.Text, nullable=False),
)
"""A connector that is left alone until a moment: it asked for that, or it failed in a row."""

JOURNAL = sa.Table(
    "effects_journal",
    METADATA,
    sa.Column("sequence", _NUMBER, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Index("effects_journal_kind", "kind", "sequence"),
    sa.Index("effects_journal_subject", "subject", "sequence"),
)
"""What people did to effects, and what agents saw, proposed and did: append-only, numbered from 1
without gaps, each entry hashed over the one before. `subject` is an effect's key, or an agent."""

GUARDS = append_only(
    "effects_journal",
    "the journal of effects",
    "EXISTS (SELECT 1 FROM effects_journal WHERE sequence = NEW.sequence)",
)
