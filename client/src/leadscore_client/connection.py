"""What both clients share: the credential, the options, an answer's decoding."""

import ssl
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import httpx
import msgspec

from leadscore_client.calls import Call
from leadscore_client.errors import UnexpectedAnswer, Unreachable, error_of

T = TypeVar("T")
Token = str | Callable[[], str]
Trust = ssl.SSLContext | bool


class Credential(NamedTuple):
    """A key or a token, or what gives a token for each request, since tokens expire."""

    secret: Token | None

    @classmethod
    def of(cls, api_key: str | None, token: Token | None) -> "Credential":
        """Of at most one. Raises ValueError where both are given."""
        if api_key is not None and token is not None:
            raise ValueError("api_key and token are both given, at most one may be")
        return cls(api_key if token is None else token)

    def headers(self) -> dict[str, str]:
        """The header that a request carries."""
        secret = self.secret() if callable(self.secret) else self.secret
        return {} if secret is None else {"authorization": f"Bearer {secret}"}


def request_of(call: Call[Any], credential: Credential) -> dict[str, Any]:
    """The arguments of httpx's `request`."""
    return {
        "method": call.method,
        "url": call.path,
        "content": call.content,
        "params": call.params,
        "headers": {**call.headers, **credential.headers()},
    }


def answer_of(call: Call[T], response: httpx.Response) -> T:
    """What was asked for. Raises the error that the answer stands for."""
    if not response.is_success:
        raise error_of(response.status_code, response.content)
    try:
        return msgspec.json.decode(response.content, type=call.gives)
    except msgspec.DecodeError as bad:
        raise UnexpectedAnswer(
            f"The answer of {call.path} is not what this client knows.",
            rule="answer-known",
            status=response.status_code,
        ) from bad


def unreachable(path: str) -> Unreachable:
    """The error where nobody answers."""
    return Unreachable(f"The service does not answer {path}.", rule="service-reachable")
