"""`reasonrec status --check`: raises an alarm for a missing release even if no job ran."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from libs import conf as configuration
from libs.alarms.alarm import Alarm, missing_release
from libs.conf import Conf
from libs.errors import OperatorError
from libs.logs import visible
from libs.query.ask import ask

_NEWEST = "SELECT max(as_of) FROM results.releases WHERE shop = ? AND status = 'published'"
_ALARMS_RAISED = "SELECT count(*) FROM quality.alarms WHERE shop = ? AND kind = ? AND subject = ?"


def check_published(root: Path, env: str) -> None:
    """Raises one alarm a day for each shop whose release is missing after its publish_by, then exits 3.

    A shop that cannot be checked is reported; the others are still checked, and the command exits 2.

    Raises:
        OperatorError: no shop sets publish_by.
    """
    timed, missing, failed = 0, False, False
    for shop in configuration.shops(root):
        try:
            conf = configuration.load(root, env, shop)
            if conf.shop and conf.shop.publish_by:
                timed += 1
                missing = check_shop(conf) or missing
        except Exception as error:  # one shop's failure must not hide another's
            typer.echo(f"reasonrec: {shop}: {visible(str(error).splitlines()[0])}", err=True)
            failed = True
    if failed:
        raise typer.Exit(2)
    if not timed:
        raise OperatorError(f"no shop of {root / 'shops'} sets publish_by: there is nothing to check")
    if missing:
        raise typer.Exit(3)


def check_shop(conf: Conf) -> bool:
    """Whether the shop's release is missing; prints the answer and raises the alarm unless it was raised before."""
    assert conf.shop is not None
    (newest,) = ask(conf.env.warehouse, _NEWEST, [conf.shop.name]).fetchall()[0]
    alarm = missing_release(conf.shop, newest, datetime.now(UTC))
    if alarm is None:
        typer.echo(f"{conf.shop.name}: published for {newest}")
        return False
    typer.echo(f"reasonrec: {conf.shop.name}: {alarm.message}", err=True)
    (before,) = ask(conf.env.warehouse, _ALARMS_RAISED, [conf.shop.name, alarm.kind, alarm.subject]).fetchall()[0]
    if not before:
        raise_alarm(conf, alarm)
    return True


def raise_alarm(conf: Conf, alarm: Alarm) -> None:
    """Sends the alarm before writing its row: the row needs Spark, which may be what failed tonight."""
    from jobs.night_alarms import raise_alarms
    from libs.spark import delta
    from libs.spark.session import build_session
    from libs.tables import table

    assert conf.shop is not None
    rows = raise_alarms(conf, "status", datetime.fromisoformat(alarm.subject).date(), [alarm])
    spark, alarms = build_session(conf.env), table("quality.alarms")
    delta.write(spark, conf.env.warehouse, alarms, spark.createDataFrame(rows, alarms.ddl), conf.shop.name)
