"""What the gates keep in the signal plane's database: profiles, and counts of findings."""

from collections.abc import Iterable, Mapping

import msgspec
from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, delete, select

from domain.errors import Missing
from domain.findings import QualityFinding
from signals.quality.profile import Profile, compacted
from signals.store.tables import metadata
from storage.sql import insert_into

profiles = Table(
    "quality_profiles",
    metadata,
    Column("about", String(160), primary_key=True),
    Column("profile", LargeBinary, nullable=False),
)
"""One rolling profile per source and type."""

findings = Table(
    "quality_findings",
    metadata,
    Column("gate", String(32), primary_key=True),
    Column("rule", String(64), primary_key=True),
    Column("about", String(160), primary_key=True),
    Column("found", BigInteger, nullable=False),
)
"""How often each rule was broken, since the log began."""


_decoder = msgspec.json.Decoder(Profile)


def add_findings(connection: Connection, more: Mapping[QualityFinding, int]) -> None:
    """Add counts, inside the caller's transaction."""
    if not more:
        return
    statement = insert_into(connection, findings)
    statement = statement.on_conflict_do_update(
        index_elements=["gate", "rule", "about"],
        set_={"found": findings.c.found + statement.excluded.found},
    )
    # in one order, so that two writers never wait for each other's rows
    connection.execute(statement, [{**f._asdict(), "found": n} for f, n in sorted(more.items())])


def stored_findings(connection: Connection) -> dict[QualityFinding, int]:
    """All counts, by gate, rule and label."""
    f = findings.c
    rows = connection.execute(
        select(f.gate, f.rule, f.about, f.found).order_by(*findings.primary_key)
    )
    return {QualityFinding(r.gate, r.rule, r.about): int(r.found) for r in rows}


def load_profiles(connection: Connection, abouts: Iterable[str]) -> dict[str, Profile]:
    """The profiles of some labels, locked until the transaction ends; new ones are left out."""
    p = profiles.c
    query = select(p.about, p.profile).where(p.about.in_(sorted(abouts))).order_by(p.about)
    rows = connection.execute(query.with_for_update())
    return {r.about: _decoder.decode(r.profile) for r in rows}


def all_profiles(connection: Connection) -> dict[str, Profile]:
    """Every profile that is kept, by label."""
    query = select(profiles.c.about, profiles.c.profile).order_by(profiles.c.about)
    rows = connection.execute(query)
    return {r.about: _decoder.decode(r.profile) for r in rows}


def save_profiles(connection: Connection, changed: Mapping[str, Profile]) -> None:
    """Keep profiles, inside the caller's transaction."""
    if not changed:
        return
    statement = insert_into(connection, profiles)
    statement = statement.on_conflict_do_update(
        index_elements=["about"], set_={"profile": statement.excluded.profile}
    )
    rows = [
        {"about": about, "profile": msgspec.json.encode(compacted(profile))}
        for about, profile in sorted(changed.items())
    ]
    connection.execute(statement, rows)


def forget_profile(connection: Connection, about: str) -> None:
    """Forget a profile: it is learnt anew, warm-up included. Raises Missing."""
    if not connection.execute(delete(profiles).where(profiles.c.about == about)).rowcount:
        raise Missing(
            "no profile of that source and type is kept",
            rule="profile-known",
            todo="`leadscore quality profiles` lists them, as source/type.",
        )
