"""The manifests: valid by schema, fit to one another, and to the service they run."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest

from config.environment import VARIABLES
from serving.service import PATHS
from tests.conftest import ROOT
from tests.deploy.kustomize import Resource, kustomization, load, pods, render

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(p.parent.name for p in (FOLDER / "overlays").glob("*/kustomization.yaml"))
RENDERED = {name: render(FOLDER / "overlays" / name) for name in OVERLAYS}
ALL = [one for made in RENDERED.values() for one in made]
VERSIONS = ("1.30", "1.37")
"""The oldest and the newest Kubernetes that they are checked against."""


def of_kind(*kinds: str) -> list[Resource]:
    return [one for one in ALL if one["kind"] in kinds]


def name_of(one: Resource) -> str:
    return f"{one['kind']}/{one['metadata']['name']}"


def matching(selector: dict[str, str]) -> list[Resource]:
    """The deployments whose pods carry these labels."""
    return [
        one
        for one in of_kind("Deployment")
        if one["spec"]["template"]["metadata"]["labels"].items() >= selector.items()
    ]


def containers() -> list[tuple[str, Resource, Resource]]:
    found = []
    for one in of_kind("Deployment"):
        template = pods(one)
        assert template is not None
        found += [(name_of(one), template["spec"], c) for c in template["spec"]["containers"]]
    return found


def test_every_file_is_named_by_a_kustomization() -> None:
    named: set[Path] = set()
    for path in FOLDER.rglob("kustomization.yaml"):
        said = kustomization(path.parent)["resources"]
        assert len(set(said)) == len(said)
        named |= {(path.parent / name).resolve() for name in said} | {path}
    files = {p for p in FOLDER.rglob("*") if p.is_file()}
    assert files == {p for p in named if p.is_file()}


def test_no_name_is_given_twice() -> None:
    names = [(name_of(one), one["metadata"]["namespace"]) for one in ALL]
    assert len(set(names)) == len(names)
    assert {namespace for _, namespace in names} == {"leadscore"}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("one", [r for r in ALL if r["kind"] != "HTTPRoute"], ids=name_of)
def test_a_resource_fits_its_schema(one: Resource, version: str) -> None:
    kubernetes_validate.validate(one, version, strict=True)


def test_the_schema_check_can_fail() -> None:
    (one, *_) = of_kind("Deployment")
    wrong = {**one, "spec": {**one["spec"], "replica": 2}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[0], strict=True)


@pytest.mark.parametrize("one", of_kind("Deployment"), ids=name_of)
def test_a_deployment_selects_its_own_pods_alone(one: Resource) -> None:
    selector = one["spec"]["selector"]["matchLabels"]
    assert [name_of(d) for d in matching(selector)] == [name_of(one)]
    template = pods(one)
    assert template is not None
    for spread in template["spec"]["topologySpreadConstraints"]:
        assert spread["labelSelector"]["matchLabels"] == selector


@pytest.mark.parametrize("one", of_kind("Service", "PodDisruptionBudget"), ids=name_of)
def test_services_and_budgets_select_one_deployment(one: Resource) -> None:
    selector = one["spec"]["selector"]
    (hit,) = matching(selector.get("matchLabels", selector))
    assert hit["metadata"]["name"] == one["metadata"]["name"]


@pytest.mark.parametrize("one", of_kind("HorizontalPodAutoscaler"), ids=name_of)
def test_autoscalers_scale_what_exists_and_has_requests(one: Resource) -> None:
    target = one["spec"]["scaleTargetRef"]
    (hit,) = [d for d in of_kind("Deployment") if d["metadata"]["name"] == target["name"]]
    assert one["spec"]["minReplicas"] <= one["spec"]["maxReplicas"]
    template = pods(hit)
    assert template is not None
    for container in template["spec"]["containers"]:
        assert "cpu" in container["resources"]["requests"]


def test_the_network_policy_meets_all_pods_and_their_ports() -> None:
    (policy,) = of_kind("NetworkPolicy")
    selector = policy["spec"]["podSelector"]["matchLabels"]
    assert len(matching(selector)) == len(of_kind("Deployment"))
    open_ports = {p["port"] for rule in policy["spec"]["ingress"] for p in rule["ports"]}
    served = {p["containerPort"] for _, _, c in containers() for p in c["ports"]}
    assert open_ports == served
    out = {p["port"] for rule in policy["spec"]["egress"] for p in rule["ports"]}
    assert out == {53, 5432, 6379, 4222, 9092, 4318}


@pytest.mark.parametrize(("where", "pod", "container"), containers(), ids=lambda v: str(v)[:40])
def test_a_container_is_confined(where: str, pod: Resource, container: Resource) -> None:
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    held = container["securityContext"]
    assert held["readOnlyRootFilesystem"] is True
    assert held["allowPrivilegeEscalation"] is False
    assert held["capabilities"] == {"drop": ["ALL"]}
    assert "memory" in container["resources"]["limits"]
    assert {"cpu", "memory"} <= set(container["resources"]["requests"])
    mounted = {v["name"]: v["mountPath"] for v in container["volumeMounts"]}
    assert set(mounted.values()) == {"/var/lib/leadscore", "/var/lib/leadscore-state", "/tmp"}
    assert set(mounted) == {v["name"] for v in pod["volumes"]}
    assert re.fullmatch(r"[\w./-]+:[\w.-]+", container["image"])


@pytest.mark.parametrize(("where", "pod", "container"), containers(), ids=lambda v: str(v)[:40])
def test_probes_ask_for_ports_and_paths_that_exist(
    where: str, pod: Resource, container: Resource
) -> None:
    ports = {p["name"]: p["containerPort"] for p in container["ports"]}
    probes = {k: v for k, v in container.items() if k.endswith("Probe")}
    assert {"startupProbe", "livenessProbe"} <= set(probes)
    assert ("readinessProbe" in probes) == (container["name"] == "service")
    for probe in probes.values():
        assert probe["httpGet"]["port"] in ports
        assert probe["httpGet"]["path"] in PATHS
    if container["name"] == "worker":
        flag = container["args"].index("--metrics-port")
        assert container["args"][flag + 1] == str(ports["metrics"])
        assert {p["httpGet"]["path"] for p in probes.values()} == {"/metrics"}


@pytest.mark.parametrize("one", of_kind("Deployment"), ids=name_of)
def test_scrapes_are_told_a_port_and_path_that_exist(one: Resource) -> None:
    template = pods(one)
    assert template is not None
    told = template["metadata"]["annotations"]
    ports = {str(p["containerPort"]) for c in template["spec"]["containers"] for p in c["ports"]}
    assert told["prometheus.io/scrape"] == "true"
    assert told["prometheus.io/port"] in ports
    assert told["prometheus.io/path"] == "/metrics"


@pytest.mark.parametrize("one", of_kind("Service"), ids=name_of)
def test_a_service_leads_to_a_named_port(one: Resource) -> None:
    (hit,) = matching(one["spec"]["selector"])
    template = pods(hit)
    assert template is not None
    named = {p["name"] for c in template["spec"]["containers"] for p in c["ports"]}
    assert {p["targetPort"] for p in one["spec"]["ports"]} <= named


def test_settings_are_settings_and_secrets_are_only_named() -> None:
    from config.settings import load_settings

    maps = {one["metadata"]["name"]: one["data"] for one in of_kind("ConfigMap")}
    assert not of_kind("Secret")
    for data in maps.values():
        assert set(data) <= {*VARIABLES, "XDG_STATE_HOME"}
        assert all(isinstance(value, str) for value in data.values())
        load_settings(data)
    comments = (FOLDER / "base" / "settings.yaml").read_text()
    told = re.findall(r"LEADSCORE_\w+", comments)
    assert set(told) <= set(VARIABLES)
    for _, _, container in containers():
        for source in container["envFrom"]:
            if "configMapRef" in source:
                assert source["configMapRef"]["name"] in maps
            else:
                assert source["secretRef"]["name"] in comments
        assert {e["name"] for e in container.get("env", ())} <= set(VARIABLES)


@pytest.mark.parametrize(("name", "pod", "container"), containers(), ids=lambda v: str(v)[:30])
def test_anchors_lie_outside_the_home_on_a_volume_that_outlives_pods(
    name: str, pod: Resource, container: Resource
) -> None:
    (data,) = {str(one["data"]): one["data"] for one in of_kind("ConfigMap")}.values()
    home, state = data["LEADSCORE_HOME"], data["XDG_STATE_HOME"]
    assert Path(home) not in (Path(state), *Path(state).parents)
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    claim = volumes[mounts[state]]["persistentVolumeClaim"]["claimName"]
    assert claim in {one["metadata"]["name"] for one in of_kind("PersistentVolumeClaim")}, name


def test_the_route_divides_requests_between_services_that_exist() -> None:
    (route,) = of_kind("HTTPRoute")
    assert set(route) == {"apiVersion", "kind", "metadata", "spec"}
    assert route["apiVersion"] == "gateway.networking.k8s.io/v1"
    spec = route["spec"]
    assert set(spec) <= {"parentRefs", "hostnames", "rules"}
    for parent in spec["parentRefs"]:
        assert set(parent) <= {"group", "kind", "namespace", "name", "sectionName", "port"}
        assert parent["name"]
    for host in spec["hostnames"]:
        assert re.fullmatch(r"(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9-]+)+", host)
    assert 1 <= len(spec["rules"]) <= 16
    ports = {s["metadata"]["name"]: {p["port"] for p in s["spec"]["ports"]} for s in services()}
    for rule in spec["rules"]:
        check_rule(rule, ports)
    shares = spec["rules"][-1]["backendRefs"]
    assert {r["name"] for r in shares} == {"leadscore-stable", "leadscore-canary"}
    assert sum(r["weight"] for r in shares) == 100


def services() -> list[Resource]:
    return of_kind("Service")


def check_rule(rule: dict[str, Any], ports: dict[str, set[int]]) -> None:
    assert set(rule) <= {"name", "matches", "filters", "backendRefs", "timeouts"}
    for match in rule["matches"]:
        assert set(match) <= {"path", "headers", "queryParams", "method"}
        assert match["path"]["type"] in {"Exact", "PathPrefix", "RegularExpression"}
        assert match["path"]["value"].startswith("/")
        for header in match.get("headers", ()):
            assert set(header) <= {"type", "name", "value"}
    for timeout in rule.get("timeouts", {}).values():
        assert re.fullmatch(r"([0-9]{1,5}(h|m|s|ms)){1,4}", timeout)
    assert 1 <= len(rule["backendRefs"]) <= 16
    for backend in rule["backendRefs"]:
        assert set(backend) <= {"group", "kind", "name", "namespace", "port", "weight", "filters"}
        assert backend["port"] in ports[backend["name"]]
        assert 0 <= backend.get("weight", 1) <= 1_000_000


def test_the_loader_reads_every_file() -> None:
    for path in FOLDER.rglob("*.yaml"):
        assert load(path), path
