"""A service that starts before there is anything to serve."""

import pytest

from domain.errors import Missing, NoModel, Unavailable
from serving.service import Api
from tests.serving.double import MemoryRuntime


class LateApi(Api):
    """Finds no home at first, then a database that does not answer, then all it needs."""

    tries = 0

    def open_runtime(self) -> MemoryRuntime:
        self.tries += 1
        if self.tries <= 2:
            raise Missing("Nothing is here.", rule="home-exists", where="/a/path", todo="Ingest.")
        if self.tries == 3:
            raise Unavailable("The database does not answer.", rule="database")
        return MemoryRuntime()


def test_it_lives_says_what_is_missing_and_heals_itself() -> None:
    api = LateApi()
    with pytest.raises(NoModel) as nothing:
        api.runtime()
    assert (nothing.value.rule, nothing.value.todo) == ("home-exists", "Ingest.")
    with pytest.raises(Unavailable):
        api.runtime()
    opened = api.runtime()
    assert api.runtime() is opened
    api.close()


def test_one_that_never_opened_closes() -> None:
    LateApi().close()
