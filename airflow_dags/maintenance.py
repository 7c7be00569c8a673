"""Every Sunday at noon, outside the nightly runs: keeps tables small and files few."""

from airflow_dags.job_graph import shop_dag, shops
from jobs.catalog import GROUPS

for shop in shops():
    if "maintenance" in GROUPS:
        shop_dag("maintenance", shop, ["maintenance"], "0 12 * * 0", __doc__)
