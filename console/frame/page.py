"""A page: where it is, what it shows or does, who may, and in which template."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from starlette.responses import Response

from console.frame.parameters import Parameters
from console.frame.visitor import Visitor
from console.home import ConsoleHome

Section = Literal[
    "",
    "Leads",
    "Models",
    "Rollouts",
    "Policies",
    "Workflow",
    "Value",
    "Monitoring",
    "Data",
    "Audit",
    "Operate",
]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request as a view sees it: the home, who asks, and what the address and the form say."""

    home: ConsoleHome
    visitor: Visitor
    path: Mapping[str, str] = field(default_factory=dict)
    query: Parameters = field(default_factory=Parameters)
    form: Parameters = field(default_factory=Parameters)

    @property
    def reason(self) -> str:
        """The reason that a write gives; the frame has seen that there is one."""
        return self.form.text("reason")


@dataclass(frozen=True, slots=True)
class GoTo:
    """Where a browser goes next, below the console's address; `done` names what was done."""

    path: str
    done: str = ""


View = Callable[[Visit], Mapping[str, Any] | GoTo | Response]
"""What a template is filled with, where to go, or a response that is whole. It may block."""


@dataclass(frozen=True, slots=True)
class ConsolePage:
    """One page. A GET changes nothing; a POST is a search or a trial, or it `writes`.

    What writes is done by a visitor with a name, who gives a reason. `path` is below the console's
    address, with `{names}`; `section` is where the navigation shows that one is. The graph editor
    runs on a page that has an `island`. What writes has a template only for what it may show
    instead of writing.
    """

    path: str
    view: View
    template: str = ""
    section: Section = ""
    scope: str = "read"
    method: Literal["GET", "POST"] = "GET"
    writes: bool = False
    island: bool = False


def shown(
    path: str,
    view: View,
    template: str,
    section: Section,
    scope: str = "read",
    *,
    island: bool = False,
) -> ConsolePage:
    """A page that is looked at."""
    return ConsolePage(path, view, template, section, scope, island=island)


def tried(
    path: str,
    view: View,
    template: str,
    section: Section,
    scope: str = "read",
    *,
    island: bool = False,
) -> ConsolePage:
    """A form that looks something up or tries it, and changes nothing."""
    return ConsolePage(path, view, template, section, scope, "POST", island=island)


def written(
    path: str,
    view: View,
    section: Section,
    scope: str = "admin",
    *,
    template: str = "",
    island: bool = False,
) -> ConsolePage:
    """A form that changes something, with a reason, in somebody's name."""
    return ConsolePage(path, view, template, section, scope, "POST", writes=True, island=island)
