"""Runs `reasonrec` in a child process with an injected fault; run as a script, this module is that child.

The child runs the command line itself, `jobs.run.main`, after the fault has wrapped the functions that it breaks.
"""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Child:
    """A running command. The JVM is in its process group, so a kill leaves no process that could still write.

    Args:
        fault: `name` or `name:argument,argument` of a function in tests.chaos.faults.
        environment: variables that override this process's.
        prepare: called in the child before anything else, to set a limit or another user.
    """

    def __init__(
        self,
        conf: Path,
        warehouse: Path,
        arguments: tuple[str, ...],
        fault: str = "",
        environment: dict[str, str] | None = None,
        prepare: object = None,
        env: str = "test",
    ) -> None:
        variables = {
            **os.environ,
            "REASONREC_CONF": str(conf),
            "REASONREC_WAREHOUSE": str(warehouse),
            "REASONREC_KEY": "0" * 64,
            "PYTHONPATH": str(ROOT),
            "CHAOS_FAULT": fault,
            **(environment or {}),
        }
        if arguments and arguments[0] == "run":
            arguments = (*arguments, "--shop", "corner", "--env", env)
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115  (open as long as the child exists)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.child", *arguments],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=prepare,  # type: ignore[arg-type]
        )

    def wait(self, seconds: float = 400) -> Child:
        try:
            self._process.wait(seconds)
        finally:
            self.kill()
        return self

    def kill(self) -> None:
        """Kills what is left of the process group and waits until it is gone."""
        for _ in range(200):
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                return
            self._process.poll()
            time.sleep(0.05)
        raise TimeoutError(f"process group {self._process.pid} does not end")

    @property
    def status(self) -> int:
        """Exit status; -9 if the child was killed."""
        return self._process.returncode

    @property
    def killed(self) -> bool:
        return self.status == -signal.SIGKILL

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    @property
    def errors(self) -> list[str]:
        """The lines with which the command tells its operator why it fails."""
        return [line for line in self.log.splitlines() if line.startswith("reasonrec: ")]


def main() -> None:
    name, _, arguments = os.environ["CHAOS_FAULT"].partition(":")
    if name:
        faults = importlib.import_module("tests.chaos.faults")
        getattr(faults, name)(*filter(None, arguments.split(",")))
    from jobs.run import main as reasonrec

    reasonrec()


if __name__ == "__main__":
    main()
