"""The only entry point: `reasonrec COMMAND ...`, or `spark-submit jobs/run.py JOB --shop S --start T --end T`."""

from __future__ import annotations

import sys
from datetime import date, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

import typer

from jobs import catalog
from jobs.cli import ask, release, shop
from jobs.cli.options import ConfOption, EnvOption, ShopOption, load
from libs.errors import OperatorError
from libs.window import Window, parse_day

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Nightly recommendations with reasons people can trust. Start with: reasonrec run daily --help",
)


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line. Exit status: 0 done, 1 a bug, 2 something for the operator to fix, 3 a gate failed."""
    from libs.logs import visible
    from libs.spark.errors import storage_fault

    given = sys.argv[1:] if arguments is None else arguments
    if given and (given[0] in ("daily", *catalog.GROUPS) or "." in given[0]):
        given = ["run", *given]  # spark-submit jobs/run.py JOB ...
    try:
        " ".join(given).encode()
    except UnicodeEncodeError:
        typer.echo("reasonrec: an argument is not UTF-8; type it again", err=True)
        sys.exit(2)
    try:
        status = app(given, standalone_mode=False)
    except OperatorError as error:
        typer.echo(f"reasonrec: {visible(str(error))}", err=True)
        sys.exit(error.status)
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            typer.echo(f"reasonrec: {error.format_message()}", err=True)
            sys.exit(2)
        fault = storage_fault(error)
        if fault is None:
            raise
        typer.echo(f"reasonrec: {visible(fault)}", err=True)
        sys.exit(2)
    if isinstance(status, int) and status:  # the command raised typer.Exit
        sys.exit(status)


@app.command()
def run(
    what: Annotated[str, typer.Argument(help="`daily`, or a group or job listed by `reasonrec jobs`.")],
    shop: ShopOption,
    start: Annotated[str, typer.Option(help="First day of the window, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="The day after the last: the day the lists are for.")],
    env: EnvOption = "dev",
    train: Annotated[bool, typer.Option("--train", help="Train even in a backfill, or train again.")] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Print the jobs that would run, with their tables; run nothing.")
    ] = False,
    each_day: Annotated[
        bool, typer.Option("--each-day", help="Run each day by itself, oldest first: a backfill.")
    ] = False,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="JOB.KEY=VALUE", help="Set a job's parameter; repeatable.")
    ] = None,
    conf: ConfOption = None,
) -> None:
    """Run the nightly jobs, one group or one job for a window of business days [start, end).

    Examples:
        reasonrec run daily --shop music_store --start 1998-01-01 --end 2014-06-30
        reasonrec run daily --shop music_store --start 2014-06-01 --end 2014-06-30 --each-day
        reasonrec run maintenance.erase_user --shop music_store --start 2014-06-30 --end 2014-07-01
            --set maintenance.erase_user.file=ids.txt

    A month is one window with lists for its end; --each-day makes lists for each of its days.
    """
    chosen = load(conf, env, shop, settings)
    assert chosen.shop is not None
    compute = catalog.compute_of(catalog.select(what))
    zone = chosen.shop.timezone
    window = Window(_day(start, "--start", zone), _day(end, "--end", zone), zone)

    from jobs.walk import make_plan, walk
    from libs import logs
    from libs.privacy.keys import keys
    from libs.spark.session import build_session

    logs.configure(chosen.env.log_format)
    secrets = keys(chosen.env)
    spark = build_session(chosen.env, f"reasonrec {what} {shop}", compute)
    for night in window.days() if each_day else [window]:
        planned = make_plan(spark, chosen, what, night, train)
        typer.echo(f"{what} of {shop} for {night.as_of}, release {planned.run.release_id}: {planned.why}", err=True)
        if plan:
            for job in planned.jobs:
                typer.echo(f"{job.name}\n  reads  {catalog.listed(job.reads)}\n  writes {catalog.listed(job.writes)}")
        else:
            walk(spark, planned, secrets)


def _day(text: str, option: str, zone: str) -> date:
    """A day, or the shop's business day of an instant (a scheduler passes its data interval as instants)."""
    if "T" in text:
        try:
            return parse_day(str(datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).date()), option)
        except (ValueError, OverflowError):
            pass
    return parse_day(text, option)


app.add_typer(ask.app)
app.add_typer(release.app, name="release")
app.add_typer(shop.app, name="shop")

if __name__ == "__main__":
    main()
