"""Paths that need no credential, health and the API's description as a page; and two that do."""

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
WORKFLOW = "/workflow"
"""The path of leads in their workflow; what is done there is signed, too."""
TOOLS = "/mcp"
"""The path of the tools for assistants, where the settings ask for it."""
OPEN = frozenset({"/livez", "/healthz", "/readyz"}) | DOCS
