"""That a form was sent by a page of the console, and by nobody else's page in the same browser.

Three things stand in the way of another site: the session's cookie is SameSite=Strict, browsers
say in headers which site a form is from, and what changes something carries a word that follows
from the session, which no other page can read (the synchroniser token of OWASP's cheat sheet).
"""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import urlsplit

from console.frame.visitor import NotAllowed

FIELD = "form_word"
_PURPOSE = b"leadscore console form"


def form_word(session: str) -> str:
    """The word that forms of a session carry."""
    return hmac.new(session.encode(), _PURPOSE, sha256).hexdigest()


def check_word(session: str, sent: str) -> None:
    """Raise NotAllowed where a form does not carry its session's word."""
    if not hmac.compare_digest(form_word(session).encode(), sent.encode()):
        raise _foreign("the form does not carry the word of this session")


def check_origin(headers: Mapping[str, str]) -> None:
    """Raise NotAllowed where a browser says that a form is from another site."""
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise _foreign("the form was sent by a page of another site")
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        raise _foreign("the form was sent by a page of another address")


def _foreign(what: str) -> NotAllowed:
    return NotAllowed(
        what,
        rule="console-form-origin",
        todo="Open the page anew in this browser, and send the form from there.",
    )
