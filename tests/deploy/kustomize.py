"""A small kustomize: renders what the project's kustomizations use, and refuses anything else."""

from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

Resource = dict[str, Any]
KNOWN = {
    *("apiVersion", "kind", "resources", "namespace", "nameSuffix", "labels", "images"),
    "patches",
}


def load(path: Path) -> list[Resource]:
    return [one for one in yaml.safe_load_all(path.read_text()) if one]


def kustomization(folder: Path) -> Resource:
    (said,) = load(folder / "kustomization.yaml")
    assert set(said) <= KNOWN, set(said) - KNOWN
    assert (said["apiVersion"], said["kind"]) == (
        "kustomize.config.k8s.io/v1beta1",
        "Kustomization",
    )
    return said


def render(folder: Path) -> list[Resource]:
    """All resources of a folder, as `kubectl apply -k` would send them."""
    said = kustomization(folder)
    made: list[Resource] = []
    for name in said["resources"]:
        path = (folder / name).resolve()
        assert path.exists(), f"{folder.name} names {name}, which is not there"
        made += render(path) if path.is_dir() else load(path)
    made = deepcopy(made)
    for patch in said.get("patches", ()):
        _patch(made, patch)
    suffix, own = said.get("nameSuffix", ""), {(r["kind"], r["metadata"]["name"]) for r in made}
    for one in made:
        for label in said.get("labels", ()):
            _label(one, label)
        for image in said.get("images", ()):
            _image(one, image)
        target = one.get("spec", {}).get("scaleTargetRef")
        if target and (target["kind"], target["name"]) in own:
            target["name"] += suffix
        one["metadata"]["name"] += suffix
        if "namespace" in said:
            one["metadata"]["namespace"] = said["namespace"]
    return made


def pods(one: Resource) -> Resource | None:
    """The pod template of a resource, where it has one."""
    found: Resource | None = one.get("spec", {}).get("template")
    return found


def _label(one: Resource, label: Resource) -> None:
    assert set(label) <= {"pairs", "includeSelectors", "includeTemplates"}
    pairs = label["pairs"]
    one["metadata"].setdefault("labels", {})
    one["metadata"]["labels"] = {**one["metadata"]["labels"], **pairs}
    template = pods(one)
    if template and label.get("includeTemplates"):
        template["metadata"]["labels"] = {**template["metadata"]["labels"], **pairs}
    if not label.get("includeSelectors"):
        return
    selector = one["spec"].get("selector")
    if one["kind"] == "Service":
        one["spec"]["selector"] = {**selector, **pairs}
    elif selector:
        selector["matchLabels"] = {**selector["matchLabels"], **pairs}
    for spread in (template or {}).get("spec", {}).get("topologySpreadConstraints", ()):
        held = spread["labelSelector"]
        spread["labelSelector"] = {"matchLabels": {**held["matchLabels"], **pairs}}


def _image(one: Resource, image: Resource) -> None:
    template = pods(one)
    for container in (template or {}).get("spec", {}).get("containers", ()):
        if container["image"] == image["name"]:
            container["image"] = f"{image['newName']}:{image['newTag']}"


def _patch(made: list[Resource], patch: Resource) -> None:
    hit = [one for one in made if one["kind"] == patch["target"]["kind"]]
    assert hit, f"a patch of {patch['target']} meets nothing"
    for step in yaml.safe_load(patch["patch"]):
        assert step["op"] == "replace"
        *path, last = step["path"].strip("/").split("/")
        for one in hit:
            held = one
            for name in path:
                held = held[name]
            assert last in held, step["path"]
            held[last] = step["value"]
