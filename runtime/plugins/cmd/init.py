"""The cmd plugin: run commands of the job's own before and after its task.

plugin: cmd
parameters:
  callbacks:
    - event: taskStarts         before the user's command; containerStarts says the same
      commands: [mkdir -p /data]
    - event: taskSucceeds       after it, where it succeeded; containerEnds: whatever came of it
      commands: [cp -r /data /mnt/results]

The older form, `preCommands` and `postCommands`, means containerStarts and containerEnds.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).absolute().parents[2]))

from plugins.plugin_utils import PluginHelper, parameters_of, plugin_init, stop

EVENTS = ("taskStarts", "containerStarts", "taskSucceeds", "containerEnds")

KEYS = ("event", "commands")

OLDER = {"preCommands": "containerStarts", "postCommands": "containerEnds"}


def commands_of(value: object, place: str) -> list[str]:
    """Check a list of shell commands."""
    if not isinstance(value, list) or not value:
        stop(f"{place} must be a list of shell commands, not {value!r}")
    for index, command in enumerate(value):
        if not isinstance(command, str) or not command.strip():
            stop(f"{place}[{index}] must be a shell command, as a text, not {command!r}")
        if "\0" in command:
            stop(f"{place}[{index}] holds a NUL character: no shell can take it")
    return value


def callback(index: int, value: object) -> tuple[str, list[str]]:
    """Check one callback and give its event and its commands."""
    place = f"cmd: parameters.callbacks[{index}]"
    if not isinstance(value, dict):
        stop(f"{place} must be a mapping with event and commands, not {value!r}")
    for key in value:
        if key not in KEYS:
            stop(f"{place}: unknown key {key!r}: write one of {', '.join(KEYS)}")
    if value.get("event") not in EVENTS:
        stop(f"{place}.event must be one of {', '.join(EVENTS)}, not {value.get('event')!r}")
    return value["event"], commands_of(value.get("commands"), f"{place}.commands")


def main() -> None:
    """Write the commands to the scripts of the runtime."""
    plugin_config, pre_script, post_script = plugin_init()
    parameters = parameters_of(plugin_config, ["callbacks", *OLDER])
    older = [key for key in OLDER if key in parameters]
    if "callbacks" in parameters:
        if older:
            stop(f"cmd: parameters.callbacks and parameters.{older[0]} say the same thing: write callbacks only")
        callbacks = parameters["callbacks"]
        if not isinstance(callbacks, list) or not callbacks:
            stop(f"cmd: parameters.callbacks must be a list of callbacks, not {callbacks!r}")
        wanted = [callback(index, value) for index, value in enumerate(callbacks)]
    elif older:
        wanted = [(OLDER[key], commands_of(parameters[key], f"cmd: parameters.{key}")) for key in older]
    else:
        stop("cmd: there is nothing to do: write parameters.callbacks, a list of event and commands")
    helper = PluginHelper(plugin_config)
    for event, commands in wanted:
        guarded = ['if [ "${PAI_COMMAND_STATUS-}" = 0 ]; then', *commands, "fi"]
        text = guarded if event == "taskSucceeds" else commands
        helper.inject_commands(text, pre_script if event.endswith("Starts") else post_script)


if __name__ == "__main__":
    main()
