"""The tables of alarms and of what is to be told of them."""

import sqlalchemy as sa

METADATA = sa.MetaData()
_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")

ALARMS = sa.Table(
    "alarms",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("kind", sa.String(64), nullable=False),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("acted", sa.Text, nullable=False),
    sa.Column("opened_us", sa.BigInteger, nullable=False),
    sa.Column("seen_us", sa.BigInteger, nullable=False),
    sa.Column("notified_us", sa.BigInteger, nullable=False),
    sa.Column("ended_us", sa.BigInteger),
    sa.Index("alarms_ended", "ended_us"),
)
"""A row an alarm; `ended_us` is NULL while it is open, `evidence` a JSON list."""

MESSAGES = sa.Table(
    "alarm_messages",
    METADATA,
    sa.Column("id", _ID, primary_key=True),
    sa.Column("channel", sa.String(64), nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_us", sa.BigInteger, nullable=False),
    sa.Column("hold_until_us", sa.BigInteger, nullable=False),
    sa.Column("severity", sa.String(16), nullable=False),
    sa.Index("alarm_messages_channel", "channel", "id"),
)
"""What waits, a row a message; who was told, loses it."""

CHANNELS = sa.Table(
    "alarm_channels",
    METADATA,
    sa.Column("channel", sa.String(64), primary_key=True),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("next_us", sa.BigInteger, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
)
"""Channels that did not take the newest message: how often in a row, and when to try again."""

FIGURES = sa.Table(
    "alarm_figures",
    METADATA,
    sa.Column("name", sa.String(320), primary_key=True),
    sa.Column("value", sa.Double, nullable=False),
)
"""What the last look counted, so that the next one knows what came since."""
