"""The manifests of an overlay as `kubectl kustomize` gives them."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tests.deploy.prometheus import ROOT

OVERLAYS = ("small", "production")
OURS = ("edge", "ingest", "router", "sla", "notify", "topics")
"""Components that run our image."""
PART_OF = "app.kubernetes.io/part-of"
COMPONENT = "app.kubernetes.io/component"
CUSTOM = ("kafka.strimzi.io", "monitoring.coreos.com")
"""Groups of custom resources, whose schemas are their operators'."""

Manifest = Mapping[str, Any]


@functools.cache
def rendered(folder: str) -> tuple[Manifest, ...]:
    """Everything that a folder below deploy/k8s applies."""
    commands = [["kubectl", "kustomize"], ["kustomize", "build"]]
    command = next((one for one in commands if shutil.which(one[0])), None)
    assert command is not None, "neither kubectl nor kustomize is there; run tools/install_servers.sh"
    path = ROOT / "deploy/k8s" / folder
    done = subprocess.run([*command, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def overlay(name: str) -> tuple[Manifest, ...]:
    """Everything of an overlay."""
    return rendered(f"overlays/{name}")


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    """The manifests of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: tuple[Manifest, ...], kind: str) -> set[str]:
    """The names of all of a kind."""
    return {manifest["metadata"]["name"] for manifest in of_kind(manifests, kind)}


def workloads(manifests: tuple[Manifest, ...]) -> list[Manifest]:
    """Everything that makes pods."""
    return of_kind(manifests, "Deployment", "StatefulSet", "Job")


def component(workload: Manifest) -> str:
    """The component of a workload's pods."""
    label: str = workload["spec"]["template"]["metadata"]["labels"][COMPONENT]
    return label


def ours(manifests: tuple[Manifest, ...]) -> list[Manifest]:
    """Workloads that run our image."""
    return [one for one in workloads(manifests) if component(one) in OURS]


def containers(workload: Manifest) -> Iterator[Manifest]:
    """All containers of a workload's pods."""
    spec = workload["spec"]["template"]["spec"]
    yield from spec.get("initContainers", ())
    yield from spec["containers"]


def selects(selector: Manifest, labels: Mapping[str, str]) -> bool:
    """Whether a label selector takes these labels (operator In only, which is all that we use)."""
    matches = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return matches and all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", ())
    )


def pods(manifests: tuple[Manifest, ...]) -> list[Mapping[str, str]]:
    """The labels of every kind of pod."""
    return [one["spec"]["template"]["metadata"]["labels"] for one in workloads(manifests)]
