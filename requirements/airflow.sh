#!/usr/bin/env bash
# Creates .airflow-venv, the scheduler's environment, from airflow.lock. Also creates, once, in the user's cache, an
# archive of the classes that a job's JVM loads, which saves 8 seconds of CPU at the start of each task. A second call
# returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/reasonrec"
say() { printf '[airflow] %s\n' "$*"; }

packages=.airflow-venv/.reasonrec-$(cat requirements/airflow.lock requirements/uv.lock "$0" | sha256sum | cut -c1-16)
java=$("${JAVA_HOME:+$JAVA_HOME/bin/}java" -version 2>&1)
# The JVM refuses an archive made from other jars or by another JVM, so both, with their paths, are part of its name.
spark=$PWD/$(echo .venv/lib/python3.*/site-packages/pyspark)
jars=$(printf '%s:' "$cache"/jars/*.jar); jars=${jars%:}
archive=$cache/jvm/made-$(cat requirements/jobs.lock requirements/jvm_archive.py "$0" - <<<"$java $spark $jars" | sha256sum | cut -c1-16)
[ -e "$packages" ] && [ -e "$archive" ] && exit 0
exec 9>"${TMPDIR:-/tmp}/reasonrec-airflow-$(id -u).lock"; flock 9

if [ ! -e "$packages" ]; then
  say "1/2 Airflow's packages (about 140; seconds from a warm cache)"
  [ -x .airflow-venv/bin/python ] || python3.11 -m venv .airflow-venv
  .airflow-venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.lock
  .airflow-venv/bin/uv pip sync --quiet --python .airflow-venv/bin/python --require-hashes \
    requirements/airflow.lock requirements/uv.lock
  .airflow-venv/bin/uv pip check --quiet --python .airflow-venv/bin/python
  rm -f .airflow-venv/.reasonrec-*; touch "$packages"
fi
if [ ! -e "$archive" ]; then
  say "2/2 the archive of Java classes (once, about half a minute of CPU)"
  mkdir -p "$cache/jvm"; rm -f "$cache"/jvm/made-*
  log=$(mktemp); trap 'rm -f "$log"' EXIT
  SPARK_HOME=$spark PYSPARK_PYTHON=$PWD/.venv/bin/python PYTHONPATH=$PWD SPARK_LOCAL_IP=127.0.0.1 \
    .venv/bin/spark-submit --master 'local[2]' --driver-class-path "$jars" --conf "spark.driver.extraJavaOptions=\
-XX:+UseSerialGC -Duser.timezone=UTC -XX:ArchiveClassesAtExit=$cache/jvm/classes.jsa.new" \
    requirements/jvm_archive.py >"$log" 2>&1 || { tail -20 "$log" >&2; exit 1; }
  mv "$cache/jvm/classes.jsa.new" "$cache/jvm/classes.jsa"; touch "$archive"
fi
say "done in ${SECONDS}s"
