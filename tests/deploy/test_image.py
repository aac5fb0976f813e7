"""What the image and the compose file name is there."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from services.runtime.settings import Settings, variables
from tests.deploy.prometheus import ROOT

DOCKERFILE = (ROOT / "deploy/Dockerfile").read_text()
COMPOSE = ROOT / "deploy/compose/compose.yaml"
SETTINGS = {variable.name for _, _, _, variable in variables()}


def compose() -> dict[str, Any]:
    """The compose file."""
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())
    return found


def test_what_is_copied_is_there_and_let_through() -> None:
    """Each source of a COPY exists, and .dockerignore does not keep it out."""
    let_through = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"}
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    sources = [source for copy in copies for source in copy.split(" ")]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert Path(source).parts[0] in let_through, source


def test_what_is_copied_imports_by_itself(tmp_path: Path) -> None:
    """Every module of the services imports where nothing of the project lies but what the image copies."""
    copied = re.findall(r"^COPY (\w+) /opt/centrala/", DOCKERFILE, re.MULTILINE)
    for source in copied:
        (tmp_path / source).symlink_to(ROOT / source)
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in sorted((ROOT / "services").rglob("*.py"))
        if path.name != "__init__.py"
    ]
    assert "services.embedded.__main__" in modules
    program = f"import importlib\nfor name in {modules!r}:\n    importlib.import_module(name)"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr[-2_000:]


def test_the_image_runs_what_there_is() -> None:
    """The command names a module; variables are settings; ports are the settings' defaults; not root."""
    command = json.loads(DOCKERFILE.rsplit("CMD ", 1)[1])
    assert importlib.util.find_spec(f"{command[0]}.__main__") is not None
    assert set(re.findall(r"CENTRALA_\w+", DOCKERFILE)) <= SETTINGS
    ports = {
        int(port) for port in re.findall(r"\d+", re.findall(r"^EXPOSE (.*)$", DOCKERFILE, re.MULTILINE)[0])
    }
    assert {Settings().port, Settings().grpc_port, Settings().smtp_port} == ports
    assert re.search(r"^USER [1-9]\d+:[1-9]\d+$", DOCKERFILE, re.MULTILINE)


@pytest.mark.parametrize("service", ["centrala", "prometheus", "grafana"])
def test_files_that_compose_mounts_are_there(service: str) -> None:
    """Each file or folder of ours that a service mounts exists."""
    for volume in compose()["services"][service]["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (COMPOSE.parent / source).exists(), source
        else:
            assert source in compose()["volumes"]


def test_compose_runs_what_there_is() -> None:
    """The module, the settings and the ports of the embedded mode; the rules where Prometheus looks."""
    service = compose()["services"]["centrala"]
    assert importlib.util.find_spec(f"{service['command'][0]}.__main__") is not None
    assert set(service["environment"]) <= SETTINGS
    inside = {int(port.rsplit(":", 1)[1]) for port in service["ports"]}
    assert inside == {Settings().port, Settings().grpc_port, Settings().smtp_port}
    assert (ROOT / service["build"]["dockerfile"]).is_file()
    config = yaml.safe_load((COMPOSE.parent / "prometheus.yml").read_text())
    mounts = [volume.split(":")[1] for volume in compose()["services"]["prometheus"]["volumes"]]
    assert all(str(Path(pattern).parent) in mounts for pattern in config["rule_files"])
    [scraped] = config["scrape_configs"][0]["static_configs"][0]["targets"]
    assert scraped == f"centrala:{Settings().port}"
