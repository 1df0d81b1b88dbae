"""One request from its coming in to its page: who asks, whether they may, what they see."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

from starlette.responses import RedirectResponse, Response
from starlette.types import Scope as Request

from console.frame.csrf import FIELD, check_origin, check_word, form_word
from console.frame.errors import known_error, status_of
from console.frame.headers import PAGE_HEADERS, editor_headers
from console.frame.page import ConsolePage, GoTo, Visit
from console.frame.parameters import LONGEST_REASON, Parameters, form_of, query_of
from console.frame.rendering import PageRenderer
from console.frame.visitor import ConsoleGate, NotAdmitted, NotAllowed, Visitor
from console.home import HomeKeeper
from domain.errors import BadInput, LeadscoreError, Missing

COOKIE = "leadscore_console"
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class DeskRequest:
    """A request as it came: headers by lower-case name, the session that its cookie names."""

    scope: Request
    method: str
    path: Mapping[str, str]
    query: bytes
    headers: Mapping[str, str]
    session: str | None
    body: bytes = field(repr=False, default=b"")

    @property
    def form(self) -> Parameters:
        """The fields of its form. Raises BadInput."""
        if self.headers.get("content-type", "").split(";")[0].strip() != _FORM:
            raise BadInput("the body is no form", rule="console-form")
        return form_of(self.body)

    @property
    def encrypted(self) -> bool:
        """Whether the browser speaks HTTPS, to us or to a proxy before us."""
        return "https" in (self.scope["scheme"], self.headers.get("x-forwarded-proto", ""))


class Desk:
    """Answers requests. Its methods block, and are called from several threads."""

    def __init__(
        self, renderer: PageRenderer, homes: HomeKeeper, gate: ConsoleGate, base: str, name: str
    ) -> None:
        """`base` is the console's address, `name` what the home is called on pages."""
        self._renderer = renderer
        self._homes = homes
        self._gate = gate
        self._base = base
        self._name = name

    def page(self, page: ConsolePage, request: DeskRequest) -> Response:
        """One page, or why it is not to be seen."""
        visitor: Visitor | None = None
        try:
            visitor = self._admitted(page, request)
            answer = page.view(self._visit(page, request, visitor))
            if isinstance(answer, GoTo):
                return self._go(answer.path, answer.done)
            if isinstance(answer, Response):
                return answer
            return self._rendered(
                request, visitor, page.template, page.section, answer, island=page.island
            )
        except Exception as error:
            if isinstance(error, NotAdmitted) and page.method == "GET":
                return self._go(f"/enter?{urlencode({'next': request.scope['path']})}")
            return self._failed(request, visitor, error)

    def door(self, request: DeskRequest) -> Response:
        """The page where one logs in; a one-time address logs in by itself."""
        try:
            query = query_of(request.query)
            word = query.text("word")
            if word:
                return self._entered(request, self._gate.enter_by_link(word), "/leads")
            context = {"next": query.text("next"), "fault": None}
            return self._rendered(request, None, "enter.html", "", context)
        except Exception as error:
            return self._failed(request, None, error)

    def enter(self, request: DeskRequest) -> Response:
        """Log in by a key or a token."""
        try:
            check_origin(request.headers)
            form = request.form
            onward = self._below(form.text("next"))
            session = self._gate.enter(form.text("key", longest=10_000))
        except NotAdmitted as refusal:
            context = {"next": "", "fault": refusal}
            return self._rendered(request, None, "enter.html", "", context, 401)
        except Exception as error:
            return self._failed(request, None, error)
        return self._entered(request, session, onward)

    def leave(self, request: DeskRequest) -> Response:
        """Log out."""
        try:
            check_origin(request.headers)
            if request.session:
                check_word(request.session, request.form.text(FIELD))
                self._gate.leave(request.session)
        except Exception as error:
            return self._failed(request, None, error)
        response = self._go("/enter")
        response.delete_cookie(COOKIE, path=self._base, httponly=True, samesite="strict")
        return response

    def unknown(self, request: DeskRequest) -> Response:
        """There is no such page."""
        error = Missing(
            "there is no such page", rule="console-page", todo="The navigation shows all pages."
        )
        try:
            visitor = self._gate.visitor(request.scope, request.session)
        except Exception as refusal:
            return self._failed(request, None, refusal)
        return self._failed(request, visitor, error)

    def _admitted(self, page: ConsolePage, request: DeskRequest) -> Visitor:
        """The visitor. Raises NotAdmitted, NotAllowed, Unavailable."""
        visitor = self._gate.visitor(request.scope, request.session)
        if visitor is None or (page.writes and not visitor.named):
            raise NotAdmitted(
                "Log in to do this: it is recorded as done by somebody"
                if page.writes
                else "Log in to see this",
                rule="console-login",
                todo="`leadscore console` shows an address that logs you in; a key does too.",
            )
        if not visitor.may(page.scope):
            raise NotAllowed(
                f"Your credential lacks the scope `{page.scope}`",
                rule="scope",
                todo="`leadscore keys create` makes a key with it.",
            )
        return visitor

    def _visit(self, page: ConsolePage, request: DeskRequest, visitor: Visitor) -> Visit:
        query, form = query_of(request.query), Parameters()
        if page.method == "POST":
            check_origin(request.headers)
            form = request.form
            if visitor.named:
                check_word(request.session or "", form.text(FIELD))
        if page.writes:
            _check_reason(form)
        return Visit(self._homes.current(), visitor, dict(request.path), query, form)

    def _rendered(
        self,
        request: DeskRequest,
        visitor: Visitor | None,
        template: str,
        section: str,
        context: Mapping[str, Any],
        status: int = 200,
        *,
        island: bool = False,
    ) -> Response:
        session = request.session if visitor is not None and visitor.named else None
        around = {
            "visitor": visitor,
            "section": section,
            "home_name": self._name,
            "form_field": FIELD,
            "form_word": form_word(session) if session else "",
            "done": query_of(request.query).text("done") if request.query else "",
        }
        word = token_urlsafe(16) if island else ""
        html = self._renderer.page(template, {**around, **context, "style_word": word})
        headers = editor_headers(word) if island else PAGE_HEADERS
        return Response(html, status, headers, media_type="text/html")

    def _failed(self, request: DeskRequest, visitor: Visitor | None, error: Exception) -> Response:
        known: LeadscoreError = known_error(error)
        context = {"error": known, "gates": getattr(known, "results", ()), "status": 0}
        status = status_of(known)
        bare = DeskRequest(
            request.scope, request.method, request.path, b"", request.headers, request.session
        )
        return self._rendered(
            bare, visitor, "error.html", "", {**context, "status": status.value}, status.value
        )

    def _entered(self, request: DeskRequest, session: str, onward: str) -> Response:
        response = self._go(onward)
        response.set_cookie(
            COOKIE,
            session,
            path=self._base,
            httponly=True,
            samesite="strict",
            secure=request.encrypted,
        )
        return response

    def _below(self, path: str) -> str:
        """A page of the console that an address names, the first where it names none."""
        below = path.removeprefix(self._base)
        plain = below != path and below.startswith("/") and not below.startswith("//")
        return below if plain and "\\" not in below else "/leads"

    def _go(self, path: str, done: str = "") -> Response:
        mark = "" if not done else ("&" if "?" in path else "?") + f"done={done}"
        return RedirectResponse(self._base + path + mark, 303, PAGE_HEADERS)


def _check_reason(form: Parameters) -> None:
    if not form.text("reason", longest=LONGEST_REASON):
        raise BadInput(
            "A change needs a reason: it stands in the ledger",
            rule="reason-given",
            where="reason",
            todo="Go back and say why.",
        )
