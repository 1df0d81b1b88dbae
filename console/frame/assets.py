"""The files beside the pages: style, script, icon. Read once, named by their content."""

from hashlib import sha256
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parents[1] / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_HEADERS = {
    "cache-control": "public, max-age=31536000, immutable",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'self'",
}


class Assets:
    """The files by name; each has an address that changes with its content."""

    def __init__(self, folder: Path = STATIC) -> None:
        self._bodies = {
            path.name: path.read_bytes()
            for path in sorted(folder.iterdir())
            if path.suffix in _TYPES
        }
        self._digests = {n: sha256(b).hexdigest()[:12] for n, b in self._bodies.items()}

    def name(self, file: str) -> str:
        """The address of a file, below the console's."""
        return f"/static/{self._digests[file]}/{file}"

    async def serve(self, request: Request) -> Response:
        """One file; 404 for what is none, or was another version's."""
        name = request.path_params["name"]
        body = self._bodies.get(name)
        if body is None or self._digests[name] != request.path_params["digest"]:
            return Response("There is no such file.", 404, media_type="text/plain")
        return Response(body, headers=_HEADERS, media_type=_TYPES[Path(name).suffix])
