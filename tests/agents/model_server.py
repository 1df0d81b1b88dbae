"""A language model's server that says what a script tells it, and keeps what it is asked."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.effects.receivers import Answer, Request

Script = Callable[[dict[str, Any]], str]
"""From what the model reads to the text that it writes."""


@dataclass
class ModelServer:
    """Speaks the shape of chat completions; `broken` has answers that come first."""

    script: Script
    key: str = "m0del-key"
    asked: list[dict[str, Any]] = field(default_factory=list)
    broken: list[Answer] = field(default_factory=list)

    def answer(self, request: Request) -> Answer:
        assert (request.method, request.path) == ("POST", "/v1/chat/completions")
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return 401, {}, {"error": {"message": "jo@example.com has no such key"}}
        body = request.document
        self.asked.append(body)
        assert body["response_format"]["type"] == "json_schema"
        if self.broken:
            return self.broken.pop(0)
        system, user = body["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        text = self.script(json.loads(user["content"]))
        message = {"role": "assistant", "content": text}
        return 200, {}, {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}

    @property
    def read(self) -> str:
        """All that left this machine for the model."""
        return "\n".join(json.dumps(one, ensure_ascii=False) for one in self.asked)


def proposals(*documents: dict[str, Any]) -> str:
    return json.dumps({"proposals": list(documents)})
