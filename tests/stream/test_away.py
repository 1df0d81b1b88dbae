"""PostgreSQL goes away under a worker and comes back: it is waited for, and nothing is lost."""

import asyncio
from pathlib import Path

from sqlalchemy import text

from config.settings import Settings
from feature_repo.standard import standard_service
from signals.stream import nats
from tests.servers import Postgres, Process, postgres_server
from tests.stream.buses import FAST, Running, document, publish, until, until_settled
from wiring.signals import SignalPlane, adopt, open_signals


def logged(plane: SignalPlane) -> int:
    with plane.engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM events")).scalar_one())


def test_a_database_that_restarts_is_waited_for(tmp_path: Path, own_nats: Process) -> None:
    async def run(plane: SignalPlane, server: Postgres) -> None:
        url = f"nats://127.0.0.1:{own_nats.port}"
        bus = await nats.connect(url, FAST)
        worker = Running(bus, plane.ingest, FAST, 5)
        await publish(url, [document(n, f"p{n % 5}") for n in range(50)])
        await until_settled(worker)
        server.process.stop()
        await publish(url, [document(n, f"p{n % 5}") for n in range(50, 100)])
        await until(lambda: worker.handler.tally.waits > 0)
        server.process.start()
        await until_settled(worker, 30)
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
