"""From its first moment to its last, the command ends on a signal as the table of statuses says."""

import subprocess
import sys

PROGRAM = """
import signal, time
from package_cache.command_line import entry, main
class Late:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)
def run(words):
    Late()
    time.sleep(2)
    return 0
main.run = run
entry.main()
"""


def test_a_signal_that_comes_in_a_destructor_is_not_forgotten() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted: run it again\n")
