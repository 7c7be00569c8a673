"""Fetches the Delta jars once, by Spark's own Ivy, into a folder; the session builder names them by `spark.jars`.

A `spark.jars.packages` setting would ask the network at every start of every spark-submit.
"""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The versions and checksums of the jars delta-spark's own release names; a changed jar stops the set-up.
SHA256 = {
    "delta-spark_2.13-4.0.1.jar": "a1e76860b19fe1e6b205a4ea7a9099a2f9575d39bb71d49b3e679b299d0efb91",
    "delta-storage-4.0.1.jar": "ecc42c5aaa51c423312d9e4e48aa4a12b34740bf2c37de0e8f279277ec3d12e4",
    "antlr4-runtime-4.13.1.jar": "54665d2838cc66458343468efc539e454fc95b46a8a04b13c6ac43fc9be63505",
}


def main(target: Path) -> None:
    if all((target / name).exists() for name in SHA256):
        return
    delta = importlib.metadata.version("delta-spark")
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "nothing.py"
        script.write_text("")
        submit = Path(sys.executable).with_name("spark-submit")
        # spark-submit asks PATH for its python.
        environ = os.environ | {"PATH": f"{submit.parent}:{os.environ['PATH']}"}
        command = [str(submit), "--master", "local[1]", "--packages", f"io.delta:delta-spark_2.13:{delta}"]
        command += ["--conf", f"spark.jars.ivy={scratch}/ivy", str(script)]
        done = subprocess.run(command, capture_output=True, text=True, env=environ)
        jars = {path.name.split("_", 1)[1]: path for path in Path(scratch).glob("ivy/jars/*.jar")}
        if done.returncode or set(jars) != set(SHA256):
            sys.exit(f"the Delta jars could not be fetched from Maven Central: {sorted(jars)}\n{done.stderr[-2000:]}")
        for name, jar in jars.items():
            found = hashlib.sha256(jar.read_bytes()).hexdigest()
            if found != SHA256[name]:
                sys.exit(f"{name}: sha256 {found}, expected {SHA256[name]}; not installed")
            shutil.move(jar, target / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
