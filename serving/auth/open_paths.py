"""Paths that need no credential, health and the API's description as a page; and one that does."""

from collections.abc import Mapping
from types import MappingProxyType

PAGE, START = "/docs", "/docs/start.js"
ASSETS: Mapping[str, str] = MappingProxyType(
    {"/docs/swagger-ui.css": "text/css", "/docs/swagger-ui-bundle.js": "text/javascript"}
)
DOCS = frozenset({PAGE, START, *ASSETS})
"""All that the page is made of. It tells what any copy of the product tells, and of nobody."""
APPROVALS = "/approvals"
"""The path whose answers are signed: see `serving.auth.middleware`."""
OPEN = frozenset({"/livez", "/healthz", "/readyz"}) | DOCS
