"""Every Monday, the week that has just ended: trains the shop's models and measures them; publishes nothing.

For a shop whose training should not hold up its night, or runs on other machines. It brings the week's days in again,
so that what was delivered late is learnt from too.

**Beside the daily DAG.** Both know Monday's models by the same training day: whichever comes first trains, the other
finds the models and does nothing more. A shop's tasks share one pool of one slot, and all trainings share
`gpu_training`, so the two never write one window at once. Trigger it with `{"train": true}` to train again.
"""

from airflow_dags.job_graph import nightly_groups, shop_dag, shops

groups = nightly_groups()

for shop in shops():
    shop_dag("weekly_training", shop, groups[: groups.index("weights") + 1], "0 0 * * 1", __doc__)
