"""The manifests of `deploy/`, read."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from containers import pods

FOLDER = Path(__file__).parent.parent.parent / "deploy"
SKYPILOT = FOLDER / "recipes/skypilot.yaml"
"""The one file that is no manifest: a configuration with a part of a pod."""
FILES = sorted(set(FOLDER.rglob("*.yaml")) - {SKYPILOT})

Document = dict[str, Any]


def documents(file: Path) -> list[Document]:
    return list(yaml.safe_load_all(file.read_text()))


def pod_specs(file: Path) -> Iterator[Document]:
    yield from pods.pod_specs(documents(file))


def containers(file: Path) -> list[Document]:
    return [
        container for spec in pod_specs(file) for container in (*spec.get("initContainers", ()), *spec["containers"])
    ]


def install_script() -> str:
    [document] = documents(FOLDER / "install-script.yaml")
    text = document["data"]["install.sh"]
    assert isinstance(text, str)
    return text


def shell_snippets(file: Path) -> Iterator[str]:
    """Return what a shell reads: the scripts of ConfigMaps, and the arguments behind `sh -c`."""
    for document in documents(file):
        yield from (text for name, text in document.get("data", {}).items() if name.endswith(".sh"))
    for container in containers(file):
        if container.get("command", [""])[-1] in ("-c", "-ec"):
            yield "\n".join(container.get("args", ()))
