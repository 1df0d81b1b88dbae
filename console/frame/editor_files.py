"""The files of the graph editor, where `make editor` built them: kept packed, sent as they are."""

import gzip
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parents[1] / "static" / "editor"
ENTRY = "editor.js"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".wasm": "application/wasm"}
_OTHER = "text/plain; charset=utf-8"
_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'",
    "vary": "accept-encoding",
}


def is_built() -> bool:
    """Whether the editor is part of this installation."""
    return (FOLDER / ENTRY).is_file()


class EditorFiles:
    """The files by name, under one address that changes with the content of any of them."""

    def __init__(self) -> None:
        self._paths = {p.name: p for p in sorted(FOLDER.glob("*")) if p.is_file()}
        digest = sha256()
        for path in self._paths.values():
            digest.update(path.name.encode() + sha256(path.read_bytes()).digest())
        self._digest = digest.hexdigest()[:12]
        self._packed = lru_cache(maxsize=len(self._paths))(self._pack)

    @property
    def entry(self) -> str:
        """The address of the script that a page loads, below the console's; "" without one."""
        return f"/static/{self._digest}/editor/{ENTRY}" if ENTRY in self._paths else ""

    async def serve(self, request: Request) -> Response:
        """One file; 404 for what is none, or was another build's."""
        path = self._paths.get(request.path_params["name"])
        if path is None or self._digest != request.path_params["digest"]:
            return Response("There is no such file.", 404, media_type="text/plain")
        kind = _TYPES.get(path.suffix, _OTHER)
        if "gzip" not in request.headers.get("accept-encoding", ""):
            return Response(path.read_bytes(), headers=_HEADERS, media_type=kind)
        headers = {**_HEADERS, "content-encoding": "gzip"}
        return Response(self._packed(path.name), headers=headers, media_type=kind)

    def _pack(self, name: str) -> bytes:
        return gzip.compress(self._paths[name].read_bytes(), 6, mtime=0)
