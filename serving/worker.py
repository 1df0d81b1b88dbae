"""A worker process of `leadscore serve`: BentoML's own, which ends when its supervisor does.

Its standard input is a pipe whose other end only the supervisor holds. When the supervisor is gone,
in whatever way, the pipe ends and the worker exits, so the port is freed.
"""

import os
import signal
import threading
import time

STOP_S = 10.0
"""How long workers may take to finish their requests before they are killed."""
SUPERVISOR = 0
"""The descriptor that ends with the supervisor."""


def _end_with_supervisor() -> None:
    while os.read(SUPERVISOR, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_S)
    os._exit(1)


def main() -> None:
    """Serve as BentoML's worker does, with its arguments."""
    threading.Thread(target=_end_with_supervisor, daemon=True, name="supervisor").start()
    from _bentoml_impl.worker.service import main as serve

    serve()


if __name__ == "__main__":
    main()
