"""What the system says of processes and their connections."""

from contextlib import suppress
from pathlib import Path

ESTABLISHED = "01"


def children(pid: int) -> list[int]:
    """The processes that a process has started and that live."""
    try:
        told = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [one for one in map(int, told.split()) if not ended(one)]


def ended(pid: int) -> bool:
    """Whether a process is gone, or dead and not yet buried."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True
    return told.rpartition(")")[2].split()[0] in "ZX"


def peers(pid: int, port: int) -> set[int]:
    """The ports of callers that are connected to a process which serves a port."""
    held = _sockets(pid)
    return {peer for inode, peer in _connected(port) if inode in held}


def variable(pid: int, name: str) -> str:
    """A variable of a process' environment."""
    for line in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
        key, _, value = line.decode().partition("=")
        if key == name:
            return value
    raise KeyError(name)


def _connected(port: int) -> list[tuple[str, int]]:
    found = []
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        words = line.split()
        if int(words[1].rpartition(":")[2], 16) == port and words[3] == ESTABLISHED:
            found.append((words[9], int(words[2].rpartition(":")[2], 16)))
    return found


def _sockets(pid: int) -> set[str]:
    found = set()
    with suppress(FileNotFoundError, ProcessLookupError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            with suppress(OSError):
                found.add(str(link.readlink()).removeprefix("socket:[").removesuffix("]"))
    return found
