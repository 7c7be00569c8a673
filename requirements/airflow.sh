#!/usr/bin/env bash
# Makes .airflow-venv from airflow.lock: the scheduler's environment. A second call returns at once.
set -euo pipefail
cd "$(dirname "$0")/.."
stamp=.airflow-venv/.reasonrec-$(cat requirements/airflow.lock requirements/uv.lock "$0" | sha256sum | cut -c1-16)
[ -e "$stamp" ] && exit 0
exec 9>"${TMPDIR:-/tmp}/reasonrec-airflow-$(id -u).lock"; flock 9
say() { printf '[airflow] %s\n' "$*"; }

say "Airflow's packages (about 140; seconds from a warm cache)"
[ -x .airflow-venv/bin/python ] || python3.11 -m venv .airflow-venv
.airflow-venv/bin/python -m pip install --quiet --require-hashes -r requirements/uv.lock
.airflow-venv/bin/uv pip sync --quiet --python .airflow-venv/bin/python --require-hashes \
  requirements/airflow.lock requirements/uv.lock
.airflow-venv/bin/uv pip check --quiet --python .airflow-venv/bin/python
rm -f .airflow-venv/.reasonrec-*; touch "$stamp"
say "done in ${SECONDS}s"
