"""Every Monday, for the week that has just ended: trains and evaluates the shop's models; publishes nothing.

For a shop whose training should not delay its nightly run, or runs on other machines. It ingests the days of the week
again, so that late deliveries are used for training too.

**Beside the daily DAG.** Monday's models have the same training day in both: whichever DAG comes first trains, and the
other finds the models and skips training. A shop's tasks share a pool of one slot, and all trainings share
`gpu_training`, so the two never write the same window at once. Trigger it with `{"train": true}` to train again.
"""

from airflow_dags.job_graph import nightly_groups, shop_dag, shops

groups = nightly_groups()

for shop in shops():
    shop_dag("weekly_training", shop, groups[: groups.index("weights") + 1], "0 0 * * 1", __doc__)
