"""The tables of the workflow's database: each of its parts adds its own."""

import sqlalchemy as sa

METADATA = sa.MetaData()
