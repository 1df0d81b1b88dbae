"""`GET /docs`: the API's description as a page, whole without a network.

Swagger UI's files are those that BentoML's package holds. The page's own policy lets a browser load
from, and call, nothing but this service.
"""

from collections.abc import Awaitable, Callable
from pathlib import Path

import bentoml
import msgspec
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from serving.auth.open_paths import ASSETS
from serving.http.openapi import describe

FILES = Path(bentoml.__file__).parent / "_internal" / "server" / "static_content"
_HTML = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Lead scoring: the API</title>
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="api"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}
_KEPT = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}

Endpoint = Callable[[Request], Awaitable[Response]]


async def page(_: Request) -> Response:
    """The page."""
    return Response(_HTML, headers=_HEADERS, media_type="text/html")


async def start(_: Request) -> Response:
    """The script that shows the description; it is in it, so that the page needs no credential."""
    shown = {
        "spec": describe(),
        "dom_id": "#api",
        "validatorUrl": None,
        "deepLinking": False,
        "defaultModelsExpandDepth": 0,
    }
    script = f"SwaggerUIBundle({msgspec.json.encode(shown).decode()});"
    return Response(script, media_type="text/javascript", headers=_KEPT)


def asset(path: str) -> Endpoint:
    """The endpoint of one of Swagger UI's files."""

    async def endpoint(_: Request) -> Response:
        return FileResponse(FILES / Path(path).name, headers=_KEPT, media_type=ASSETS[path])

    return endpoint
