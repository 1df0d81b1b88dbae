"""The graph editor: an island that writes as the form does; without it, there is the form."""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from config.settings import Settings
from console.frame import editor_files
from tests.conftest import ROOT
from tests.console.conftest import Console, StartConsole
from tests.console.forms import fields_of
from tests.console.test_writes import WHY, check_author, newest
from wiring.registry import open_policies

SOURCES = ROOT / "console" / "editor"
GRAPH = "/policies/standard-1/graph"
EMEA, GLOBAL = '"enterprise_emea"', '"enterprise_global"'
INSIDE = ("@gorules/jdm-editor", "@gorules/zen-engine-wasm", "antd", "react-dom", "@reactflow/core")
built = pytest.mark.skipif(
    not editor_files.is_built(), reason="the graph editor is not built: `make editor` (npm)"
)


@built
@pytest.mark.slow
def test_a_table_is_edited_in_the_graph_and_registered(
    page: Page, scored_copy: Settings, start_console: StartConsole
) -> None:
    own = start_console(scored_copy)
    hosts = set[str]()
    page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
    own.enter(page)
    page.goto(f"{own.url}/policies/standard-1/edit")
    page.get_by_role("link", name="Edit its graph").click()
    before = json.loads(page.locator("#decision").input_value())
    page.locator(".react-flow__node", has_text="Routing").get_by_text("Edit Table").click()
    change_cell(page, EMEA, GLOBAL)
    page.get_by_role("button", name="Check and compare").click()
    expect(page.locator("#looks")).to_contain_text("decided unlike the policy in force")
    expect(page.locator("#graph-editor")).to_have_attribute("data-state", "shown")
    page.get_by_label("Name", exact=True).fill("ours")
    page.get_by_label("Reason").fill(WHY)
    page.get_by_role("button", name="Register").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("ours-1")
    check_author(newest(own.settings)[0], "registered")
    document = json.loads(page.request.get(f"{own.url}/policies/ours-1/document.json").body())
    assert changed_cells(before, document["decision"]) == [(EMEA, GLOBAL)]
    assert document["queues"]
    assert hosts == {urlsplit(own.url).netloc}


def change_cell(page: Page, old: str, new: str) -> None:
    """Type something else into the first cell that shows a text; what comes next comes at once."""
    page.locator("#graph-editor td", has_text=old).first.click()
    page.keyboard.press("Control+A")
    page.keyboard.type(new)


def changed_cells(was: dict[str, Any], now: dict[str, Any]) -> list[tuple[str, str]]:
    """The cells of tables that differ, before and after."""
    return [
        (cell, other[name])
        for node, twin in zip(was["nodes"], now["nodes"], strict=True)
        for row, other in zip(
            node["content"].get("rules", ()), twin["content"].get("rules", ()), strict=True
        )
        for name, cell in row.items()
        if other.get(name, "") != cell
    ]


@pytest.mark.slow
def test_what_the_checks_find_comes_back_with_the_graph(
    scored_copy: Settings, start_console: StartConsole, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(editor_files, "FOLDER", SOURCES / "src")  # an entry is all that it takes
    own = start_console(scored_copy)
    count = len(newest(own.settings, 100))
    graph = json.loads((ROOT / "decisions/policies/standard.json").read_text())["decision"]
    graph["nodes"].append({"id": "f", "name": "Script", "type": "functionNode", "content": "1"})
    fields = {"decision": json.dumps(graph), "name": "ours", "reason": WHY}
    with own.owner() as client:
        for action in ("graph", "graph/register"):
            known = fields_of(client.get(GRAPH).text, f"/console{GRAPH}#looks")
            answer = client.post(f"{GRAPH.removesuffix('graph')}{action}", data={**known, **fields})
            assert answer.status_code == 200
            assert "functionNode" in answer.text
            assert "&#34;Script&#34;" in answer.text  # the graph as it was sent
    assert len(newest(own.settings, 100)) == count
    assert not open_policies(own.settings).versions()


def test_without_the_editor_the_form_is_what_there_is(
    console: Console, monkeypatch: pytest.MonkeyPatch, start_console: StartConsole, tmp_path: Path
) -> None:
    monkeypatch.setattr(editor_files, "FOLDER", tmp_path)
    bare = start_console(console.settings)
    with bare.owner() as client:
        form = client.get("/policies/standard-1/edit")
        graph = client.get(GRAPH)
    assert form.status_code == 200
    assert "graph" not in form.text.lower()
    assert graph.status_code == 404
    assert "make editor" in graph.text


@built
def test_only_the_page_of_the_editor_lets_it_run(console: Console) -> None:
    with console.owner() as client:
        page, form = client.get(GRAPH), client.get("/policies/standard-1/edit")
        script = page.text.partition('type="module" src="/console')[2].partition('"')[0]
        packed = client.get(script)
        missing = client.get(script.replace("editor.js", "package.json"))
        again = client.get(GRAPH)
    policy = page.headers["content-security-policy"]
    assert "'wasm-unsafe-eval'" in policy
    assert "'unsafe-inline'" not in policy
    assert "'unsafe-eval'" not in policy
    assert policy != again.headers["content-security-policy"]
    assert "wasm" not in form.headers["content-security-policy"]
    assert (packed.status_code, missing.status_code) == (200, 404)
    assert packed.headers["content-encoding"] == "gzip"
    assert "immutable" in packed.headers["cache-control"]


@built
def test_it_comes_with_the_licences_of_what_is_in_it() -> None:
    text = (editor_files.FOLDER / "THIRD_PARTY_LICENCES.txt").read_text()
    for name in INSIDE:
        about = re.split(rf"(?m)^{re.escape(name)} [0-9.]+$", text)[1].partition("\n---\n")[0]
        assert "Permission is hereby granted" in about, name
    assert "jszip" in text  # within a package that comes packed


def test_its_packages_are_locked_by_hash_and_by_no_address() -> None:
    locked = json.loads((SOURCES / "package-lock.json").read_text())["packages"]
    about = json.loads((SOURCES / "package.json").read_text())
    assert locked[""]["dependencies"] == about["dependencies"]
    assert locked[""]["devDependencies"] == about["devDependencies"]
    for name, package in locked.items():
        assert "resolved" not in package, name
        assert not name or package["integrity"].startswith("sha512-"), name
