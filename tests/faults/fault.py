"""A fault as a row of a table, and its injection."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.faults.job import Job
from tests.faults.judge import Terms, conclude, judge
from tests.faults.state import look
from tests.faults.verdicts import Verdict, verdict

from package_cache.exit_codes import ExitStatus


@dataclass(frozen=True)
class Fault(Terms):
    """What is done to a container before the command runs in it, and which result is expected."""

    name: str
    cause: str = ""
    """Lines of shell, run in the container before."""
    expected: Sequence[ExitStatus] = (ExitStatus.INSTALLED,)
    says: str = ""
    """What the output has among others."""
    heal: str = ""
    """Lines of shell, run in the container after the judgement, before the fallback: a full disk stays full."""
    after: str = ""
    """Lines of shell that print what is wrong with the result."""
    options: str = ""
    """More of the installer's."""
    systems: Sequence[str] = ("ubuntu16.04", "ubuntu18.04", "debian12")
    env: Mapping[str, str] = field(default_factory=dict)
    shell: Sequence[str] = ("sh", "-c")

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def inject(job: Job, fault: Fault) -> None:
    """Cause the fault, run the command, judge the result, and check that the fallback works where it is needed."""
    job.room.sh(fault.cause)
    before = look(job)
    job.options = fault.options
    done = job.run(env=fault.env, shell=fault.shell)
    status = judge(job, done, before, allowed=fault.expected, says=fault.says, terms=fault)
    with verdict(Verdict.OTHER):
        found = job.room.sh(fault.after)
        assert found == "", f"{found}{done.stdout}{done.stderr}"
    conclude(job, status, fault.heal, sane=fault.sane)


def on_their_systems(faults: Sequence[Fault]) -> list[tuple[Fault, str]]:
    """Yield each fault with each of its systems."""
    return [(fault, system) for fault in faults for system in fault.systems]
