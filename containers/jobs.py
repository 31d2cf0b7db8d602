"""Jobs of the runtime as pods: `deploy/runtime.yaml` with a job of one's own, and a key that may log in."""

from collections.abc import Sequence
from pathlib import Path

import yaml

from containers.pods import Document, documents, pods_of
from package_cache.process import run

LOGIN = (
    "ssh -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o BatchMode=yes "
    "-o ConnectTimeout=5 -i /keys/id -p 2222"
)
"""Before what stands between `user@host` and a command: a login with the key that the job's container has."""


class RuntimeJob:
    """The pod of a job, and the key of its owner, which lies at /keys/id in the job's container as well."""

    def __init__(self, folder: Path) -> None:
        self.key = folder / "id"
        if not self.key.exists():
            run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self.key)])

    @property
    def ssh(self) -> Document:
        """The entry of the plugin ssh that lets the key's owner in."""
        public = self.key.with_suffix(".pub").read_text(encoding="utf-8").strip()
        return {"plugin": "ssh", "parameters": {"public-key": public, "port": 2222}, "failurePolicy": "fail"}

    def pod(self, image: str, commands: Sequence[str], plugins: Sequence[Document]) -> tuple[Document, Document]:
        """Return the pod's spec for a job's image, and the ConfigMap that it mounts."""
        (spec,) = pods_of("runtime.yaml", image)
        (worker,) = spec["containers"]
        worker["volumeMounts"].append({"name": "key", "mountPath": "/keys/id", "readOnly": True})
        spec["volumes"].append({"name": "key", "hostPath": {"path": str(self.key), "type": "File"}})
        job = {
            "taskRoles": {"worker": {"commands": list(commands)}},
            "extras": {"com.microsoft.pai.runtimeplugin": list(plugins)},
        }
        config = documents("runtime.yaml")[0]
        config["data"] = {"job.yaml": yaml.safe_dump(job)}
        return spec, config
