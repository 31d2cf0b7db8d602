"""What the runtime gives to the init script of a plugin: arguments, configuration, scripts, and the package cache."""

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import yaml

from package_cache import online_fallback, try_to_install_by_cache
from package_cache.escaping import VisibleFormatter, visible_line

__all__ = ["PluginHelper", "online_fallback", "parameters_of", "plugin_init", "stop", "try_to_install_by_cache"]

FAILURE_POLICIES = ("fail", "ignore")


def stop(message: str) -> NoReturn:
    """End the init script with status 2 and one line on standard error: the job's configuration is wrong."""
    print(visible_line(" ".join(f"plugin: {message}".split())), file=sys.stderr)  # noqa: T201
    sys.exit(2)


def plugin_init() -> list[Any]:
    """Set up logging and read the three arguments of an init script.

    Return `[plugin_config, pre_script, post_script]`: the configuration as a mapping, and the paths of the scripts that
    run before and after the user's command. Ends with status 2 where the configuration is wrong.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(VisibleFormatter("%(asctime)s - %(filename)s:%(lineno)s - %(levelname)s - %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    parser = argparse.ArgumentParser()
    parser.add_argument("plugin_config", help="the plugin's configuration, as YAML text")
    parser.add_argument("pre_script", help="the script to run before the user's command")
    parser.add_argument("post_script", help="the script to run after the user's command")
    args = parser.parse_args()
    return [_read_config(args.plugin_config), args.pre_script, args.post_script]


def parameters_of(plugin_config: Mapping[str, Any], known: Sequence[str]) -> dict[str, Any]:
    """Return the `parameters` of a configuration; empty if there are none. Ends with status 2 at an unknown one."""
    name, parameters = plugin_config["plugin"], plugin_config.get("parameters") or {}
    if not isinstance(parameters, dict):
        stop(f"{name}: parameters must be a mapping, not {parameters!r}")
    for key in parameters:
        if key not in known:
            stop(f"{name}: unknown parameter {key!r}: write one of {', '.join(known)}")
    return parameters


class PluginHelper:
    """Writes a plugin's commands to the scripts of the runtime, as its failure policy says."""

    def __init__(self, plugin_config: Mapping[str, Any]) -> None:
        self._ignore = plugin_config.get("failurePolicy") == "ignore"

    def inject_commands(self, commands: Sequence[str], script: str) -> None:
        """Append commands to a script, one per line.

        They stand under `set -o errexit`; with the failure policy `ignore`, between `set +o errexit` and
        `set -o errexit`, so that a command which fails does not end the job.
        """
        lines = ["set +o errexit", *commands, "set -o errexit"] if self._ignore else ["set -o errexit", *commands]
        with Path(script).open("a", encoding="utf-8") as stream:
            stream.write("\n".join([*lines, ""]))


def _read_config(text: str) -> dict[str, Any]:
    try:
        config = yaml.safe_load(text)
    except yaml.YAMLError as error:
        stop(f"the configuration is not YAML: {error}")
    if not isinstance(config, dict):
        stop(f"the configuration must be a mapping with the key 'plugin', not {config!r}")
    if not isinstance(config.get("plugin"), str) or not config["plugin"]:
        stop("the configuration does not say which plugin it is for: add plugin: <name>")
    if config.get("failurePolicy", "fail") not in FAILURE_POLICIES:
        known = " or ".join(FAILURE_POLICIES)
        stop(f"{config['plugin']}: unknown failurePolicy {config['failurePolicy']!r}: write {known}")
    return config
