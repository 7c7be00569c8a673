"""Every night, as soon as the shop's day is over: its day is brought in, and the new day's lists are published.

**When.** At midnight in the shop's time zone, for the business day that has just ended.

**Training** happens inside, on training days (Mondays). On other days `training` and `weights` see for themselves that
nothing is due and end at once. A training that fails for good does not stop the night: the newest earlier models are
used and the release is marked stale; past `max_model_age_days` nothing is published.

**The first load** of a shop is one window, however many days it holds: trigger the DAG with `{"start": "1998-01-01"}`.

**Backfill:** `airflow backfill create --dag-id DAG --from-date DAY --to-date DAY`. Days before the newest release never
train; `--dag-run-conf '{"train": true}'` makes them, in day order.
"""

from airflow_dags.job_graph import nightly_groups, shop_dag, shops

for shop in shops():
    shop_dag("daily_recommendations", shop, nightly_groups(), "0 0 * * *", __doc__)
