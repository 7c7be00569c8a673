"""Every night, as soon as the shop's day is over: ingests the day and publishes the lists for the new day.

**When.** At midnight in the shop's time zone, for the business day that has just ended.

**Training** is part of it on training days (Mondays). On other days the tasks `training` and `weights` find nothing due
and end at once. If training finally fails, the night goes on: the newest earlier models are used and the release is
marked stale. Once they are older than `max_model_age_days`, nothing is published.

**The first load** of a shop is one window, however many days it has: trigger the DAG with `{"start": "1998-01-01"}`.

**Backfill:** `airflow backfill create --dag-id DAG --from-date DAY --to-date DAY`. Days before the newest release do
not train; with `--dag-run-conf '{"train": true}'` they do, in day order.
"""

from airflow_dags.job_graph import nightly_groups, shop_dag, shops

for shop in shops():
    shop_dag("daily_recommendations", shop, nightly_groups(), "0 0 * * *", __doc__)
