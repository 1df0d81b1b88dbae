"""PostgreSQL goes away under a worker and comes back: it is waited for, and nothing is lost."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from sqlalchemy import text

from config.settings import Settings
from feature_repo.standard import standard_service
from jobs.signals.worker import open_plane
from signals.store.tables import writing
from signals.stream import nats
from tests.servers import Postgres, Process, postgres_server
from tests.stream.buses import FAST, MANY, Running, document, publish, until, until_settled
from wiring.signals import SignalPlane, adopt, open_signals


def logged(plane: SignalPlane) -> int:
    with plane.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())


def test_a_database_that_restarts_is_waited_for(tmp_path: Path, own_nats: Process) -> None:
    async def run(plane: SignalPlane, server: Postgres) -> None:
        url = f"nats://127.0.0.1:{own_nats.port}"
        bus = await nats.connect(url, FAST)
        worker = Running(bus, plane.ingest, FAST, MANY)
        await publish(url, [document(n, f"p{n % 5}") for n in range(50)])
        await until_settled(worker)
        server.process.stop()
        await publish(url, [document(n, f"p{n % 5}") for n in range(50, 100)])
        await until(lambda: worker.handler.tally.waits > 0)
        server.process.start()
        await until_settled(worker)
        assert logged(plane) == 100
        assert worker.handler.commits.counts.accepted == 100
        assert worker.handler.tally.dead == {}
        await worker.stop()
        await bus.broker.stop()

    with postgres_server() as server:
        settings = Settings(home=tmp_path / "home", signals_url=server.fresh())
        adopt(settings, standard_service())
        plane = open_signals(settings, live=True)
        asyncio.run(run(plane, server))
        plane.engine.dispose()


WAITS_LONG = text(
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
    " AND datname = current_database() AND clock_timestamp() - query_start > interval '1 s'"
)


def test_another_workers_transaction_is_waited_for(tmp_path: Path, postgres_url: str) -> None:
    settings = Settings(home=tmp_path / "home", signals_url=postgres_url, signals_wait_ms=100)
    adopt(settings, standard_service())
    mine, other = open_plane(settings), open_plane(settings)
    with ThreadPoolExecutor(1) as pool:
        with other.engine.connect() as busy, other.engine.connect() as looking:
            writing(busy)
            waiting = pool.submit(mine.ingest.commit, [(1, document(1))], "bus")
            while not looking.execute(WAITS_LONG).scalar_one():
                looking.rollback()  # a transaction sees one moment's activity
                assert not waiting.done()
        assert waiting.result().accepted == 1
    mine.engine.dispose()
    other.engine.dispose()
