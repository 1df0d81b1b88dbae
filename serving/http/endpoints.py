"""Methods of a BentoML service that take and give JSON of msgspec types."""

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, TypeVar, cast

import bentoml
from starlette.requests import ClientDisconnect, Request
from starlette.types import Scope

from serving.http.openapi_schemas import schema_of

Method = TypeVar("Method", bound=Callable[..., Any])


class Came(NamedTuple):
    """A request as it came: its body, and the scope with its headers."""

    body: bytes
    scope: Scope


def _spec(kind: type) -> type:
    """BentoML's description of a body: the schema is that of a msgspec type.

    The body itself is handed to the method as it came: it is decoded there, where an error
    becomes a problem document; BentoML would log it, with the values that were sent.
    """

    class Spec(bentoml.IODescriptor):  # type: ignore[misc]
        __root_input__: ClassVar[bool] = True

        @classmethod
        def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
            return schema_of(kind)

        @classmethod
        async def from_http_request(cls, request: Request, _serde: object) -> Came:
            try:
                return Came(await request.body(), request.scope)
            except ClientDisconnect:  # nobody is there to be answered; BentoML would log a fault
                return Came(b"", request.scope)

    Spec.__name__ = kind.__name__
    return Spec


def endpoint(takes: type, gives: type) -> Callable[[Method], Method]:
    """Make a method an endpoint that takes and gives JSON of these schemas."""
    api = bentoml.api(input_spec=_spec(takes), output_spec=_spec(gives))
    return cast("Callable[[Method], Method]", api)
