"""A plugin written for the runtime works unchanged with the tree `runtime/` on Python's path."""

from pathlib import Path

import pytest
from tests.runtime.phase import PLUGINS, init_phase

from package_cache.process import run

INIT = """\
from plugins.plugin_utils import plugin_init, PluginHelper, try_to_install_by_cache

[plugin_config, pre_script, post_script] = plugin_init()
command = [
    try_to_install_by_cache('%(group)s', fallback_cmds=[
        'echo fallback',
        '''cat <<END
it's here
END''',
        'sh -c "exit %(status)d"',
    ]),
    'echo installed',
]
PluginHelper(plugin_config).inject_commands(command, pre_script)
PluginHelper(plugin_config).inject_commands(['echo done'], post_script)
"""


@pytest.mark.parametrize(
    ("policy", "status", "output", "returned"),
    [
        ("fail", 0, "fallback\nit's here\ninstalled\njob\n", 0),
        ("fail", 3, "fallback\nit's here\n", 3),
        ("ignore", 3, "fallback\nit's here\ninstalled\njob\n", 0),
    ],
)
def test_the_generated_script(policy: str, status: int, output: str, returned: int, tmp_path: Path) -> None:
    plugin = tmp_path / "old plugin"
    plugin.mkdir()
    (plugin / "init.py").write_text(INIT % {"group": "none", "status": status})
    path = f"{PLUGINS.parents[1] / 'src'}:{PLUGINS.parent}"
    config = f"plugin: old\nfailurePolicy: {policy}\n"
    scripts = init_phase(plugin, config, tmp_path, PYTHONPATH=path)
    assert scripts.result.returncode == 0, scripts.result.stderr
    with (tmp_path / "pre.sh").open("a") as script:
        script.write("echo job\n")
    result = run(["bash", str(tmp_path / "pre.sh")], check=False)
    assert (result.stdout, result.returncode) == (output, returned)
    assert "package-cache: none: not by the cache (status 30): running the fallback" in result.stderr
    assert scripts.post == "#!/bin/bash\nset -o errexit\necho done\n" or policy == "ignore"
