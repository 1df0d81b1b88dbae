"""The program: `leadscore`, and `python -m leadscore`. It heeds Ctrl-C while it still loads."""

import os
import signal
from types import FrameType

INTERRUPTED = 130


def main() -> None:
    """Load the command line and run it; interrupted before it began, it says so and exits 130."""
    heeded = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heeded:
        signal.signal(signal.SIGINT, _not_begun)
    from leadscore.cli import main as run

    if heeded:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        run()
    finally:
        if heeded:  # it has ended: nothing is left to break off
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _not_begun(_number: int, _frame: FrameType | None) -> None:
    os.write(2, b"\nleadscore: interrupted before it began: nothing was done\n")
    os._exit(INTERRUPTED)  # an exception would be one of a half loaded module


if __name__ == "__main__":
    main()
