"""Triggers that make a table refuse every change but an insert behind what it holds."""

from collections.abc import Mapping


def append_only(table: str, name: str, refusal: str) -> Mapping[str, tuple[str, ...]]:
    """The statements that guard a table, by dialect; harmless to repeat.

    `name` is what the error calls it. `refusal` is a condition on NEW, true of a row whose place is
    taken: SQLite's INSERT OR REPLACE removes a row without firing a trigger on DELETE.
    """
    refuse = f"BEGIN SELECT RAISE(ABORT, '{name} is append-only'); END"
    return {
        "sqlite": (
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_update BEFORE UPDATE ON {table} {refuse}",
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_delete BEFORE DELETE ON {table} {refuse}",
            (
                f"CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table} "
                f"WHEN {refusal} {refuse}"
            ),
        ),
        "postgresql": (
            (
                f"CREATE OR REPLACE FUNCTION {table}_append_only() RETURNS trigger "
                f"LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION '{name} is append-only'; END $$"
            ),
            (
                f"CREATE OR REPLACE TRIGGER {table}_no_change "
                f"BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
                f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_append_only()"
            ),
        ),
    }
