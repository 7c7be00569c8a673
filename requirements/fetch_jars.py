"""Fetches jars once, by Spark's own Ivy, into a folder: Delta's, or those by which Spark reads and writes S3.

A `spark.jars.packages` setting would ask the network at every start of every spark-submit.

    fetch_jars.py delta FOLDER           the session builder names them by `spark.jars`
    fetch_jars.py object-store FOLDER    ... puts them on the class path where the warehouse is on S3; 559 MB
"""

import hashlib
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

# The versions and checksums of the jars that each release names; a changed jar stops the set-up.
SHA256 = {
    "delta": {
        "delta-spark_2.13-4.0.1.jar": "a1e76860b19fe1e6b205a4ea7a9099a2f9575d39bb71d49b3e679b299d0efb91",
        "delta-storage-4.0.1.jar": "ecc42c5aaa51c423312d9e4e48aa4a12b34740bf2c37de0e8f279277ec3d12e4",
        "antlr4-runtime-4.13.1.jar": "54665d2838cc66458343468efc539e454fc95b46a8a04b13c6ac43fc9be63505",
    },
    # hadoop-aws is of the version of the Hadoop that pyspark ships, and asks for this AWS bundle.
    "object-store": {
        "hadoop-aws-3.4.1.jar": "01334a07e179cae2b7e251f24857f11e3759108c9d6a79dcbe362a4295227da2",
        "bundle-2.24.6.jar": "890bf9f2a80488f7a8aa8277d64d13a9ea3a3cdff8607ef3b63a878d8b467b41",
        "wildfly-openssl-1.1.3.Final.jar": "4e7d50a877822ba7561fa6a0109691b30b23a784eba3f3f8fbbf5ea866500786",
    },
}


def main(which: str, target: Path) -> None:
    wanted = SHA256[which]
    if all((target / name).exists() for name in wanted):
        return
    package = {
        "delta": f"io.delta:delta-spark_2.13:{importlib.metadata.version('delta-spark')}",
        "object-store": "org.apache.hadoop:hadoop-aws:3.4.1",
    }[which]
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        script = Path(scratch) / "nothing.py"
        script.write_text("")
        submit = Path(sys.executable).with_name("spark-submit")
        # spark-submit asks PATH for its python.
        environ = os.environ | {"PATH": f"{submit.parent}:{os.environ['PATH']}"}
        command = [str(submit), "--master", "local[1]", "--packages", package]
        command += ["--conf", f"spark.jars.ivy={scratch}/ivy", str(script)]
        done = subprocess.run(command, capture_output=True, text=True, env=environ)
        jars = {path.name.split("_", 1)[1]: path for path in Path(scratch).glob("ivy/jars/*.jar")}
        if done.returncode or set(jars) != set(wanted):
            sys.exit(f"{package} could not be fetched from Maven Central: {sorted(jars)}\n{done.stderr[-2000:]}")
        for name, jar in jars.items():
            with jar.open("rb") as stream:
                found = hashlib.file_digest(stream, "sha256").hexdigest()
            if found != wanted[name]:
                sys.exit(f"{name}: sha256 {found}, expected {wanted[name]}; not installed")
            shutil.move(jar, target / name)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
