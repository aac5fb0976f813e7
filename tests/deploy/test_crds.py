"""The operators' resources of the production overlay, against the operators' own definitions."""

from __future__ import annotations

import copy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.deploy.manifests import CUSTOM, Manifest, of_kind, overlay
from tests.deploy.prometheus import ROOT

pytestmark = pytest.mark.servers

Schemas = dict[tuple[str, str], Any]
OPEN = "x-kubernetes-preserve-unknown-fields"


@pytest.fixture(scope="module")
def schemas() -> Schemas:
    """Of each kind in each version that is served, by apiVersion and kind."""
    fetch = ROOT / "deploy/k8s/crds/fetch.sh"
    folder = Path(subprocess.run([fetch], capture_output=True, text=True, check=True).stdout.strip())
    found: Schemas = {}
    for path in folder.glob("*.yaml"):
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            if version["served"]:
                key = f"{spec['group']}/{version['name']}", spec["names"]["kind"]
                found[key] = closed(version["schema"]["openAPIV3Schema"])
    return found


def closed(schema: Any) -> Any:
    """The same for `kubectl apply --validate=strict`: a field that is not described is a mistake."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("x-kubernetes-int-or-string"):
        return {key: value for key, value in schema.items() if key not in ("type", "anyOf", "format")}
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and "additionalProperties" not in made and OPEN not in made:
        made["additionalProperties"] = False
    return made


def faults(schemas: Schemas, manifest: Manifest) -> list[str]:
    """What is wrong with it, in words."""
    schema = copy.deepcopy(schemas[manifest["apiVersion"], manifest["kind"]])
    for standard in ("apiVersion", "kind", "metadata"):
        schema["properties"][standard] = {}
    found = Draft202012Validator(schema).iter_errors(manifest)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def test_operators_know_every_field(schemas: Schemas) -> None:
    """Each custom resource has only fields that its operator describes, with values that it takes."""
    custom = [one for one in overlay("production") if one["apiVersion"].split("/")[0] in CUSTOM]
    assert {one["kind"] for one in custom} == {
        "Kafka", "KafkaNodePool", "KafkaUser", "PodMonitor", "PrometheusRule",
    }  # fmt: skip
    assert [(one["kind"], faults(schemas, one)) for one in custom if faults(schemas, one)] == []


def _misspelt(kafka: Any) -> None:
    kafka["spec"]["kafka"]["listener"] = kafka["spec"]["kafka"].pop("listeners")


def _port(kafka: Any) -> None:
    kafka["spec"]["kafka"]["listeners"][0]["port"] = 80


def _kind_of_login(kafka: Any) -> None:
    kafka["spec"]["kafka"]["listeners"][0]["authentication"]["type"] = "password"


@pytest.mark.parametrize("spoil", [_misspelt, _port, _kind_of_login])
def test_a_mistake_is_found(schemas: Schemas, spoil: Callable[[Any], None]) -> None:
    """Given a misspelt field, a port that Strimzi keeps, an unknown login, the definition refuses it."""
    [kafka] = copy.deepcopy(of_kind(overlay("production"), "Kafka"))
    spoil(kafka)
    assert faults(schemas, kafka)
