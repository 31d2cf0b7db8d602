"""The ssh plugin: install OpenSSH by the cache, then let the owner of a public key log in as root.

plugin: ssh
parameters:
  public-key: ssh-ed25519 AAAA... owner@home    one line, as in ~/.ssh/id_ed25519.pub
  port: 2222                                    22, where it is left out
"""

import base64
import binascii
import shlex
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).absolute().parents[2]))

from package_cache import online_fallback, try_to_install_by_cache
from plugins.plugin_utils import PluginHelper, parameters_of, plugin_init, stop

KEY_TYPES = (
    "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com",
)  # fmt: skip

PID_FILE = "/run/ssh-plugin.pid"

# sshd takes its home folders from the user database, so HOME is not asked. A key file may lack its last newline.
AUTHORIZE = """\
( umask 077
key=%(key)s
folder=~root/.ssh
mkdir -p "$folder"
chmod 700 "$folder"
touch "$folder/authorized_keys"
chmod 600 "$folder/authorized_keys"
if ! grep -qxF -e "$key" "$folder/authorized_keys"; then
if [ -n "$(tail -c 1 "$folder/authorized_keys")" ]; then echo >>"$folder/authorized_keys"; fi
printf '%%s\\n' "$key" >>"$folder/authorized_keys"
fi )"""

# An option given here wins over the image's sshd_config. sshd leaves the foreground before it binds its port, so
# only its pid file, written after that, tells that it listens.
START = """\
mkdir -p /run/sshd && chmod 755 /run/sshd
ssh-keygen -A
rm -f %(pid_file)s
/usr/sbin/sshd -p %(port)d -o PidFile=%(pid_file)s -o PermitRootLogin=prohibit-password \
-o AuthenticationMethods=publickey -o PubkeyAuthentication=yes -o AuthorizedKeysFile=.ssh/authorized_keys
( tries=50
while [ ! -s %(pid_file)s ]; do
tries=$((tries - 1))
if [ "$tries" -eq 0 ]; then echo "ssh plugin: cannot start sshd on port %(port)d: is it taken?" >&2; exit 1; fi
sleep 0.1
done
echo "ssh plugin: sshd listens on port %(port)d" >&2 )"""

STOP = """\
if [ -s %(pid_file)s ]; then kill "$(cat %(pid_file)s)" 2>/dev/null || true; fi"""


def public_key(value: object) -> str:
    """Check one line of a public key (sshd(8), AUTHORIZED_KEYS FILE FORMAT), without options."""
    if not isinstance(value, str) or not value.strip():
        stop("ssh: parameters.public-key is missing: write the line of a file such as ~/.ssh/id_ed25519.pub")
    line = value.strip()
    if not line.isprintable():
        stop("ssh: parameters.public-key must be one line, without control characters")
    kind, _, rest = line.partition(" ")
    if kind not in KEY_TYPES:
        stop(f"ssh: parameters.public-key begins with {kind!r}: it must be one of {', '.join(KEY_TYPES)}")
    try:
        blob = base64.b64decode(rest.split(" ")[0], validate=True)
    except binascii.Error:
        blob = b""
    # RFC 4253, 6.6: the key's bytes begin with its type as a string, its length before it
    if not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
        stop(f"ssh: parameters.public-key is no {kind} key: it was cut or altered; copy the whole line")
    return line


def port_number(value: object) -> int:
    """Check a TCP port."""
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 65535:
        stop(f"ssh: parameters.port must be a number from 1 to 65535, not {value!r}")
    return value


def main() -> None:
    """Write the commands to the scripts of the runtime."""
    plugin_config, pre_script, post_script = plugin_init()
    parameters = parameters_of(plugin_config, ["public-key", "port"])
    values = {
        "key": shlex.quote(public_key(parameters.get("public-key"))),
        "port": port_number(parameters.get("port", 22)),
        "pid_file": PID_FILE,
    }
    helper = PluginHelper(plugin_config)
    install = try_to_install_by_cache("ssh", fallback_cmds=online_fallback(["openssh-client", "openssh-server"]))
    helper.inject_commands([install, AUTHORIZE % values, START % values], pre_script)
    helper.inject_commands([STOP % values], post_script)


if __name__ == "__main__":
    main()
