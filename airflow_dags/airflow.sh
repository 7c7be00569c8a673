#!/usr/bin/env bash
# Airflow's command line with the DAGs of this checkout, for example: airflow_dags/airflow.sh dags list
# `airflow_dags/airflow.sh up` creates the database and the pools, then runs the scheduler and the web UI on loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
export AIRFLOW_HOME="${AIRFLOW_HOME:-$PWD/.airflow}" PYTHONPATH="$PWD"
export AIRFLOW__CORE__DAGS_FOLDER="$PWD/airflow_dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
export AIRFLOW_CONN_SPARK_DEFAULT="${AIRFLOW_CONN_SPARK_DEFAULT:-{\"conn_type\": \"spark\", \"host\": \"local[2]\"\}}"
export PATH="$PWD/.airflow-venv/bin:$PATH" # `standalone` starts its components by name
[ "${1:-}" = up ] || exec airflow "$@"

# Everyone who can reach this machine's loopback may do everything, which suits a laptop. Elsewhere use Airflow's auth
# managers.
export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__API__PORT="${PORT:-8080}" AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$AIRFLOW__API__PORT/execution/"
airflow db migrate
pool() { printf '"%s": {"slots": 1, "description": "%s", "include_deferred": false}' "$1" "$2"; }
{
  printf '{'; pool gpu_training "Trainings by Horovod: one at a time"
  for shop in "${REASONREC_CONF:-conf}"/shops/*.yaml; do
    shop=$(basename "$shop" .yaml); printf ', '; pool "shop_$shop" "Tasks of $shop: one writes at a time"
  done
  printf '}\n'
} >"$AIRFLOW_HOME/pools.json"
airflow pools import "$AIRFLOW_HOME/pools.json"
echo "http://127.0.0.1:$AIRFLOW__API__PORT in about half a minute; the DAGs are paused until you turn them on"
exec airflow standalone
