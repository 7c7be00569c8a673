"""Quarantine, gates, metrics, audits, alarms and job runs."""

from __future__ import annotations

from libs.tables.table import SHOP, define

_JOB_RUN = f"""{SHOP}
run_id | string! | id of one command
job | string! | its name
started_at | timestamp! | wall clock"""

QUALITY = (
    define(
        "bronze.rejected",
        "The payload of a row that was quarantined, as delivered.",
        f"""{SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery; 1970-01-01 if the row has no readable time
        source | string! | the source's name in the shop's mapping
        row_id | string! | hash of the row as delivered
        payload | string! | the row as delivered""",
        "shop day source row_id",
        "window",
        partitioned_by=("shop", "period"),
    ),
    define(
        "quality.quarantine",
        "A row that could not be used, and why.",
        f"""{SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery; 1970-01-01 if the row has no readable time
        source | string! | the source's name in the shop's mapping
        kind | string! | the contract it was mapped onto
        row_id | string! | its payload is in bronze.rejected under this id
        reason | string! | the first check that it failed
        field | string | the column at fault, if it is one""",
        "shop day source row_id",
        "window",
        partitioned_by=("shop", "period"),
    ),
    define(
        "quality.ingest_counts",
        "The fate of the rows of a source on a day: rows_in = silver + quarantined + duplicates + excluded.",
        f"""{SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery
        source | string! | the source's name in the shop's mapping
        kind | string! | the contract it was mapped onto
        rows_in | bigint! | read
        silver | bigint! | stored in silver
        quarantined | bigint! | unusable
        duplicates | bigint! | repeats of a row
        excluded | bigint! | not merchandise, by the mapping""",
        "shop day source",
        "window",
        partitioned_by=("shop", "period"),
    ),
    define(
        "quality.gate_results",
        "The result of a check in a gate; a failed check of severity stop stops the run before anything is published.",
        f"""{SHOP}
        cutoff | date! | end of the run's window
        gate | string! | silver or results
        table | string! | the table that was checked
        check | string! | the expectation or limit
        passed | boolean! | whether it holds
        observed | string | the value found
        expected | string | the value required
        severity | string! | stop, or warn""",
        "shop cutoff gate table check",
        "merge",
        together=("shop", "cutoff", "gate"),  # a check that was removed must not stop releases forever
        # A gate looks at all rows present, so what it observes depends on the order of runs.
        volatile=("observed",),
    ),
    define(
        "quality.metrics",
        "A quality metric of a list: from the back-test before a training day, or realised by a published release.",
        f"""{SHOP}
        train_cutoff | date! | fitted on what was known before this day; for realised lists the release's as_of
        test_start | date! | first business day of the test
        test_end | date! | the day after the last
        target | string! | all: every product acquired; first: only products that the user had not acquired before
        list | string! | a source, or final
        metric | string! | hit_rate, ndcg, map, recall, coverage, novelty, diversity, gini; ndcg_minus_NAME is the paired difference to another list
        k | int! | length of the list measured
        value | double | the mean; null when no user had a target
        low | double | lower end of the 95% bootstrap interval over users
        high | double | upper end
        users | bigint! | users with a target
        verdict | string | better, at least, not shown, worse: for differences
        kind | string! | backtest or realised
        release_id | string | the release, for realised lists""",
        "shop train_cutoff test_start test_end target list metric k kind",
        "merge",
        equality="close",
        volatile=("release_id",),
    ),
    define(
        "quality.job_runs",
        "A job that ran.",
        f"""{_JOB_RUN}
        seconds | double! | wall clock
        status | string! | done, failed or skipped
        error | string | one line
        window_start | date! | first business day
        window_end | date! | the day after the last
        versions_read | map<string,bigint>! | Delta version of each table read
        versions_written | map<string,bigint>! | Delta version of each table written
        rows_written | map<string,bigint>! | rows by table, if the writer knows
        bytes_read | bigint | read by the job's Spark tasks
        bytes_shuffled | bigint | written to shuffles by its tasks
        task_seconds | double | run time of its tasks, summed over executors
        bytes_written | bigint | size of the data files added, if the writer knows
        cpu_seconds | double | user and system time of the driver's process tree (in local mode, of all of Spark)
        peak_memory_bytes | bigint | greatest sum of proportional set sizes of that tree, sampled every two seconds
        code_version | string! | version of reasonrec""",
        "shop run_id job",
        "run",
        retention_days=400,
        volatile=("run_id", "started_at", "seconds"),
        schema_version=3,
    ),
    define(
        "quality.table_health",
        "A figure of one day's rows of a silver table, and the expectation that it was compared with.",
        f"""{SHOP}
        period | string! | month or year of `day`, the partition
        day | date! | business day of the delivery
        table | string! | the table that was checked
        column | string! | the column; empty for figures of the table as a whole
        metric | string! | rows, rows_in, quarantined_share, duplicate_share, newest_lag_hours, content, null_share, median
        value | double! | the figure
        expected | double | the value expected from earlier days, if the figure stands out
        finding | string | kind of the alarm if the figure stands out; else null""",
        "shop day table column metric",
        "window",
        partitioned_by=("shop", "period"),
        # Whether a figure stands out depends on the days present when it was checked.
        volatile=("expected", "finding"),
    ),
    define(
        "quality.audits",
        "A check of a release before it is published; a failed one of severity stop publishes nothing.",
        f"""{SHOP}
        release_id | string! | the attempt
        run_id | string! | the command that checked it last
        as_of | date! | day the lists are for
        check | string! | see docs/operate.md, "Audit checks and limits"
        observed | double | the value found; null if there is nothing to measure. Of the exposure Gini: the part above the least that is possible with that many rows, 0 to 1, over the products that somebody owns or a source names
        limit | double | the limit; null if there is none
        passed | boolean! | whether it holds
        severity | string! | stop, or warn
        message | string! | the result in words""",
        "shop release_id check",
        "merge",
        schema_version=2,
        volatile=("release_id", "run_id"),
    ),
    define(
        "quality.alarms",
        "Something an operator should know, and what to do about it.",
        f"""{SHOP}
        run_id | string! | the command that raised it
        as_of | date! | day the lists are for
        kind | string! | see docs/operate.md, "Alarms and what to do"
        subject | string! | the table, job or release it is about
        message | string! | what was found; no user ids, no secrets
        action | string! | what to do
        raised_at | timestamp! | wall clock""",
        "shop run_id kind subject raised_at",
        "run",
    ),
)
