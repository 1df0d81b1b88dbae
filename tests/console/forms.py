"""Forms as a browser sends them, without one."""

from html.parser import HTMLParser

import httpx


class FormReader(HTMLParser):
    """The fields of the form that is sent to an address."""

    def __init__(self, action: str) -> None:
        super().__init__()
        self.action = action
        self.inside = False
        self.fields: dict[str, str] = {}
        self.select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("action") == self.action
        if not self.inside:
            return
        if tag == "input" and given.get("name") and given.get("type") != "checkbox":
            self.fields[str(given["name"])] = given.get("value") or ""
        if tag == "select":
            self.select = str(given.get("name"))


def fields_of(html: str, action: str) -> dict[str, str]:
    reader = FormReader(action)
    reader.feed(html)
    assert "form_word" in reader.fields, f"no form is sent to {action}"
    return reader.fields


def send(client: httpx.Client, page: str, action: str, **fields: str) -> httpx.Response:
    """Open a page, fill a form of it in, and send it."""
    shown = client.get(page)
    assert shown.status_code == 200, shown.text
    known = fields_of(shown.text, f"/console{action}")
    named = {name.replace("__", "-"): value for name, value in fields.items()}
    return client.post(action, data={**known, **named})
