"""From its first moment to its last, the command ends on a signal as the table of statuses says."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """
import signal, time
from package_cache.cli import entry
from package_cache.cli import main
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

CLASS = """
import signal
from package_cache.cli import entry
from package_cache.cli import main
class Late:
    def __set_name__(self, owner, name):
        signal.raise_signal(signal.SIGINT)
def run(words):
    class Made:
        late = Late()
main.run = run
entry.main()
"""
FOLDER = """
import os, signal, tempfile
from package_cache.cli import entry
from package_cache.cli import main
from package_cache.filesystem import temporary
def run(words):
    def interrupted(*words, **more):
        temporary.shutil.rmtree = right
        signal.raise_signal(signal.SIGINT)
    right, temporary.shutil.rmtree = temporary.shutil.rmtree, interrupted
    with temporary.temporary_folder() as folder:
        print(folder)
main.run = run
entry.main()
"""


def test_a_signal_that_comes_while_a_class_is_made_is_one() -> None:
    done = subprocess.run([sys.executable, "-c", CLASS], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted: run the command again\n")


def test_a_signal_during_the_removal_of_a_temporary_folder() -> None:
    done = subprocess.run([sys.executable, "-c", FOLDER], capture_output=True, text=True, check=False)
    assert (done.returncode, Path(done.stdout.strip()).exists()) == (130, False)


def test_a_signal_that_comes_in_a_destructor_is_not_forgotten() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted: run the command again\n")
