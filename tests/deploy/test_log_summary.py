"""The command of docs/kubernetes.md that sums up logs, over what the installer really writes."""

import re
from collections.abc import Callable
from pathlib import Path

from tests.deploy.admission import SETTINGS
from tests.installer.synthetic import SyntheticCache
from tests.support.debs import make_deb
from tests.support.lab import Isolation, throwaway

from package_cache.process import run

DOCUMENT = Path(__file__).parents[2] / "docs" / "kubernetes.md"


def test_hits_and_misses_are_counted(tmp_path: Path, real_root: Callable[..., Path], isolation: Isolation) -> None:
    cache = SyntheticCache(tmp_path / "cache")
    fails = make_deb(tmp_path / "debs", "fails", scripts={"postinst": "exit 1"})
    unmet = make_deb(tmp_path / "debs", "unmet", depends="nowhere")
    for group, deb in (("tools", make_deb(tmp_path / "debs", "wanted")), ("broken", fails), ("skewed", unmet)):
        cache.add(group, [deb.name.partition("_")[0]], [deb])
    installer = ["sh", "/cache/install_group.sh"]
    enter = ["sh", "-c", SETTINGS["data"]["enter.sh"], "package-cache-enter"]
    log = ""
    for commands in (
        [[*installer, "tools"], [*installer, "tools"], [*installer, "absent"], [*installer, "skewed"]],
        [[*installer, "tools"], [*installer, "absent"], [*installer, "broken"], [*enter, "tools", "--", "true"]],
    ):
        with throwaway(real_root("ubuntu18.04"), isolation, binds={"/cache": cache.path}) as container:
            for command in commands:
                done = container.run(command, check=False)
                log += done.stdout + done.stderr + "a line of the job: cannot install anything\n"
    (tmp_path / "log").write_text(log)
    (kubectl := tmp_path / "kubectl").write_text('#!/bin/sh\n[ "$1" = logs ] && cat "$LOG"\n')
    kubectl.chmod(0o755)
    (command,) = re.findall(r"^ {4}(kubectl logs (?:.*\n)(?: {8}.*\n)+)", DOCUMENT.read_text(), re.MULTILINE)
    environment = ["env", f"LOG={tmp_path}/log", f"PATH={tmp_path}:/usr/bin:/bin"]
    counted = run([*environment, "sh", "-c", command]).stdout.splitlines()
    assert sorted(" ".join(line.split()) for line in counted) == [
        "1 miss: broken (install-failed): dpkg or a package's own script ended with an error",
        "1 miss: skewed (no-plan): the packages here and those of the cache cannot be combined",
        "1 miss: tools (cache-missing): there is no cache at /package_cache: the node's container runtime does not "
        "mount images, or the image is another one",
        "1 there: tools",
        "2 hit: tools",
        "2 miss: absent (no-such-group): the cache has no group absent; it has: broken skewed tools",
    ]
