"""Kubernetes: every overlay is valid by the official schemas, is hardened, and names only what there is."""

from __future__ import annotations

import importlib.util
import re
from typing import Any

import kubernetes_validate
import pytest
import yaml

from services.runtime.metrics import Metrics
from services.runtime.settings import Settings, variables
from tests.deploy.manifests import (
    CUSTOM,
    OVERLAYS,
    PART_OF,
    Manifest,
    component,
    containers,
    named,
    of_kind,
    ours,
    overlay,
    pods,
    rendered,
    selects,
    workloads,
)
from tests.deploy.prometheus import ROOT, RULES

pytestmark = pytest.mark.long

VERSIONS = ("1.34", "1.37")
"""Oldest and newest whose schemas we are held against."""
SETTINGS = {variable.name: variable for _, _, _, variable in variables()}
PORTS = {"http": Settings().port, "grpc": Settings().grpc_port, "smtp": Settings().smtp_port}
every_overlay = pytest.mark.parametrize("name", OVERLAYS)

AWS = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
"""Standard variables by which the library that signs requests finds keys."""


@pytest.mark.parametrize("version", VERSIONS)
@every_overlay
def test_manifests_follow_the_official_schemas(name: str, version: str) -> None:
    """No unknown field, no wrong type, in anything that is Kubernetes' own."""
    for manifest in overlay(name):
        if manifest["apiVersion"].split("/")[0] not in CUSTOM:
            kubernetes_validate.validate(dict(manifest), version, strict=True)


def test_what_is_applied_by_default_is_the_small_one() -> None:
    """`kubectl apply -k deploy/k8s` gives the small installation."""
    assert rendered(".") == overlay("small")


@every_overlay
def test_our_containers_run_what_there_is(name: str) -> None:
    """Modules, variables, ports and paths that the manifests name exist in the program."""
    app_paths = (ROOT / "services/runtime/health.py").read_text()
    for workload in ours(overlay(name)):
        for container in containers(workload):
            module = container["args"][0]
            main = module if module.count(".") > 1 else f"{module}.__main__"
            assert importlib.util.find_spec(main) is not None, module
            assert {entry["name"] for entry in container.get("env", ())} <= SETTINGS.keys() | AWS
            for port in container.get("ports", ()):
                assert PORTS[port["name"]] == port["containerPort"]
            for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
                if probe in container:
                    assert f'"{container[probe]["httpGet"]["path"]}"' in app_paths
                    assert container[probe]["httpGet"]["port"] in {
                        port["name"] for port in container["ports"]
                    }


@every_overlay
def test_settings_are_settings(name: str) -> None:
    """Each variable of the ConfigMap is a setting, not a secret one, and its value is taken."""
    [config] = of_kind(overlay(name), "ConfigMap")
    assert config["data"].keys() <= SETTINGS.keys()
    secret = {variable for variable in config["data"] if SETTINGS[variable].secret}
    assert secret == {"CENTRALA_REDIS"}
    assert "@" not in config["data"]["CENTRALA_REDIS"], "an address with a password belongs into a Secret"
    Settings.from_environment(config["data"])


@every_overlay
def test_pods_are_restricted(name: str) -> None:
    """Not root, no privileges, no token; ours and Valkey on a read-only root, each with its limits."""
    for workload in workloads(overlay(name)):
        spec = workload["spec"]["template"]["spec"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in containers(workload):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context.get("readOnlyRootFilesystem") or component(workload) == "kafka"
            resources = container["resources"]
            assert resources["requests"].keys() == {"cpu", "memory"}
            assert "memory" in resources["limits"]
    [namespace] = of_kind(overlay(name), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@every_overlay
def test_what_pods_refer_to_is_there(name: str) -> None:
    """ConfigMaps, claims, accounts and mounted volumes exist; Secrets are named, never written down."""
    manifests = overlay(name)
    assert of_kind(manifests, "Secret") == []
    for workload in ours(manifests):
        spec = workload["spec"]["template"]["spec"]
        assert spec["serviceAccountName"] in named(manifests, "ServiceAccount")
        volumes = {volume["name"]: volume for volume in spec.get("volumes", ())}
        for volume in volumes.values():
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            assert claim is None or claim in named(manifests, "PersistentVolumeClaim")
        for container in containers(workload):
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes.keys()
            for source in container["envFrom"]:
                if "configMapRef" in source:
                    assert source["configMapRef"]["name"] in named(manifests, "ConfigMap")


@every_overlay
def test_mounted_secrets_can_be_read(name: str) -> None:
    """Nobody is root: a Secret that others may not read is mounted for the pod's own group."""
    for workload in ours(overlay(name)):
        spec = workload["spec"]["template"]["spec"]
        modes = [one["secret"]["defaultMode"] for one in spec["volumes"] if "secret" in one]
        context = spec["securityContext"]
        assert all(mode & 0o004 for mode in modes) or context["fsGroup"] == context["runAsGroup"]


def labels_of(workload: Manifest) -> Any:
    """The labels of a workload's pods."""
    return workload["spec"]["template"]["metadata"]["labels"]


@every_overlay
def test_services_lead_to_pods(name: str) -> None:
    """A Service selects the pods of one workload, and its ports are theirs."""
    manifests = overlay(name)
    for service in of_kind(manifests, "Service"):
        selector = {"matchLabels": service["spec"]["selector"]}
        [workload] = [one for one in workloads(manifests) if selects(selector, labels_of(one))]
        known = {port["name"] for container in containers(workload) for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= known


@every_overlay
def test_each_process_has_a_budget(name: str) -> None:
    """Each of our Deployments is protected by exactly one disruption budget, which lets one pod go."""
    manifests = overlay(name)
    budgets = of_kind(manifests, "PodDisruptionBudget")
    deployments = [one for one in ours(manifests) if one["kind"] == "Deployment"]
    for deployment in deployments:
        found = [one for one in budgets if selects(one["spec"]["selector"], labels_of(deployment))]
        assert [one["spec"]["maxUnavailable"] for one in found] == [1]
    assert len(budgets) == len(deployments) == 5


@every_overlay
def test_the_network_is_shut_but_for_what_is_named(name: str) -> None:
    """Everything is denied; each policy that opens something selects pods and ports that there are."""
    manifests = overlay(name)
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind(manifests, "NetworkPolicy")}
    assert policies["nothing"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy, spec in policies.items():
        if policy != "strimzi":
            assert any(selects(spec["podSelector"], labels) for labels in pods(manifests)), policy
        for rule in spec.get("egress", ()):
            peers = [one["podSelector"] for one in rule.get("to", ()) if "podSelector" in one]
            there = [one for one in workloads(manifests) if any(selects(p, labels_of(one)) for p in peers)]
            known = {port["containerPort"] for one in there for c in containers(one) for port in c["ports"]}
            assert not there or {port["port"] for port in rule["ports"]} == known, policy
        for rule in spec.get("ingress", ()):
            selected = [one for one in workloads(manifests) if selects(spec["podSelector"], labels_of(one))]
            known = {port["name"] for one in selected for c in containers(one) for port in c.get("ports", ())}
            assert {port["port"] for port in rule["ports"]} <= known, policy


def test_the_large_one_is_spread_and_scaled() -> None:
    """Each Deployment of ours goes over zones and has an autoscaler; what it looks at is a metric of ours."""
    manifests = overlay("production")
    scaled = {
        one["spec"]["scaleTargetRef"]["name"]: one["spec"]
        for one in of_kind(manifests, "HorizontalPodAutoscaler")
    }
    known = {metric.name for metric in Metrics().definitions}
    for deployment in [one for one in ours(manifests) if one["kind"] == "Deployment"]:
        spec = scaled[deployment["metadata"]["name"]]
        assert spec["minReplicas"] >= 3
        assert "replicas" not in deployment["spec"]
        pod_metrics = {
            metric["pods"]["metric"]["name"] for metric in spec["metrics"] if metric["type"] == "Pods"
        }
        assert pod_metrics <= known
        keys = [
            one["topologyKey"] for one in deployment["spec"]["template"]["spec"]["topologySpreadConstraints"]
        ]
        assert keys == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    assert len(scaled) == 5


def test_the_operator_gets_the_same_rules_and_finds_the_pods() -> None:
    """The PrometheusRule holds every group of deploy/prometheus; the PodMonitor selects our processes."""
    manifests = overlay("production")
    [rule] = of_kind(manifests, "PrometheusRule")
    wanted = [group for path in RULES for group in yaml.safe_load(path.read_text())["groups"]]
    assert {group["name"]: group for group in rule["spec"]["groups"]} == {
        group["name"]: group for group in wanted
    }
    [monitor] = of_kind(manifests, "PodMonitor")
    watched = [one for one in workloads(manifests) if selects(monitor["spec"]["selector"], labels_of(one))]
    assert {component(one) for one in watched} == {"edge", "ingest", "router", "sla", "notify"}
    [endpoint] = monitor["spec"]["podMetricsEndpoints"]
    for workload in watched:
        assert endpoint["port"] in {port["name"] for one in containers(workload) for port in one["ports"]}


def test_brokers_and_processes_agree() -> None:
    """Strimzi's listener, user and names are those that the processes are told of; as many replicas of each
    record as there are brokers in zones."""
    manifests = overlay("production")
    [config] = of_kind(manifests, "ConfigMap")
    [kafka] = of_kind(manifests, "Kafka")
    [listener] = kafka["spec"]["kafka"]["listeners"]
    cluster = kafka["metadata"]["name"]
    assert config["data"]["CENTRALA_KAFKA"] == f"{cluster}-kafka-bootstrap:{listener['port']}"
    assert config["data"]["CENTRALA_KAFKA_USER"] in named(manifests, "KafkaUser")
    [brokers] = [one for one in of_kind(manifests, "KafkaNodePool") if one["spec"]["roles"] == ["broker"]]
    assert int(config["data"]["CENTRALA_REPLICATION"]) == brokers["spec"]["replicas"]
    assert kafka["spec"]["kafka"]["config"]["min.insync.replicas"] == brokers["spec"]["replicas"] // 2 + 1
    for workload in ours(manifests):
        for container in containers(workload):
            [password] = [one for one in container["env"] if one["name"] == "CENTRALA_KAFKA_PASSWORD"]
            secret = password["valueFrom"]["secretKeyRef"]["name"]
            assert secret == config["data"]["CENTRALA_KAFKA_USER"]
            assert password["valueFrom"]["secretKeyRef"]["key"] == "password"
            [mount] = [one for one in container["volumeMounts"] if one["name"] == "kafka-ca"]
            # Whole and not by subPath, so that files follow the Secret, old authorities beside the new one.
            assert mount == {
                "name": "kafka-ca",
                "mountPath": config["data"]["CENTRALA_KAFKA_CA"],
                "readOnly": True,
            }
        spec = workload["spec"]["template"]["spec"]
        authority = [one["secret"] for one in spec["volumes"] if one["name"] == "kafka-ca"]
        assert authority == [{"secretName": f"{cluster}-cluster-ca-cert", "defaultMode": 0o440}]
    [peer] = listener["networkPolicyPeers"]
    reached = [one for one in workloads(manifests) if selects(peer["podSelector"], labels_of(one))]
    assert [component(one) for one in reached] == [component(one) for one in ours(manifests)]


def test_brokers_are_restricted_and_spread() -> None:
    """Strimzi's pods fit the namespace's Pod Security, which its own defaults do not, and each pool's lie in
    different zones."""
    manifests = overlay("production")
    [kafka] = of_kind(manifests, "Kafka")
    pools = of_kind(manifests, "KafkaNodePool")
    templates = [pool["spec"]["template"] for pool in pools] + [kafka["spec"]["entityOperator"]["template"]]
    for template in templates:
        context = template["pod"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        contained = [one["securityContext"] for name, one in template.items() if name.endswith("Container")]
        assert contained
        for one in contained:
            assert one == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    for pool in pools:
        assert {"kafkaContainer", "initContainer"} <= pool["spec"]["template"].keys()
        [spread] = pool["spec"]["template"]["pod"]["topologySpreadConstraints"]
        assert spread["topologyKey"] == kafka["spec"]["kafka"]["rack"]["topologyKey"]
        labels = spread["labelSelector"]["matchLabels"]
        assert labels["strimzi.io/pool-name"] == pool["metadata"]["name"]


def test_the_views_ask_for_a_password() -> None:
    """Valkey of the large one takes nobody without the password that those who use it are given."""
    manifests = overlay("production")
    wanted = {"name": "centrala-valkey", "key": "password"}
    for workload in of_kind(manifests, "Deployment"):
        [container] = containers(workload)
        variable = "VALKEY_PASSWORD" if component(workload) == "valkey" else "CENTRALA_REDIS_PASSWORD"
        [password] = [one for one in container["env"] if one["name"] == variable]
        assert password["valueFrom"]["secretKeyRef"] == wanted
    [valkey] = [one for one in workloads(manifests) if component(one) == "valkey"]
    [container] = containers(valkey)
    assert container["args"][-2:] == ["--requirepass", "$(VALKEY_PASSWORD)"]


def test_blobs_lie_in_a_bucket_in_the_large_one() -> None:
    """No volume is shared: a bucket is named, and who reads or writes there has its keys by reference and is
    let out to it."""
    manifests = overlay("production")
    [config] = of_kind(manifests, "ConfigMap")
    assert Settings.from_environment(config["data"]).blobs_bucket
    assert of_kind(manifests, "PersistentVolumeClaim") == []
    [policy] = [p for p in of_kind(manifests, "NetworkPolicy") if p["metadata"]["name"] == "blobs"]
    for workload in ours(manifests):
        uses = component(workload) in ("edge", "ingest", "notify")
        [container] = containers(workload)
        keys = {one["name"]: one for one in container["env"] if one["name"] in AWS}
        assert keys.keys() == (AWS if uses else set())
        assert {one["valueFrom"]["secretKeyRef"]["name"] for one in keys.values()} <= {"centrala-blobs"}
        assert selects(policy["spec"]["podSelector"], labels_of(workload)) is uses


def test_the_page_names_every_secret() -> None:
    """docs/kubernetes.md says how to make each Secret that we ask for, and with which keys."""
    page = (ROOT / "docs/kubernetes.md").read_text()
    for secret in ("centrala", "centrala-channels", "centrala-blobs", "centrala-valkey"):
        assert f"create secret generic {secret} " in page
    assert set(re.findall(r"--from-literal=(CENTRALA_\w+)", page)) <= SETTINGS.keys()
    assert all(PART_OF in labels for labels in pods(overlay("small")))
