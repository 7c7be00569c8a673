"""The only entry point: `reasonrec COMMAND ...`, or `spark-submit jobs/run.py JOB --shop S --start T --end T`."""

from __future__ import annotations

import sys
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs import catalog
from libs import conf as configuration
from libs.conf import Conf, ConfError
from libs.window import Window, WindowError, parse_day

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Tonight's recommendations, with reasons people can trust. Start with: reasonrec run daily --help",
)
release_app = typer.Typer(no_args_is_help=True, help="What was published, and what readers see.")
app.add_typer(release_app, name="release")

ShopOption = Annotated[str, typer.Option("--shop", help="Shop: the name of its file in conf/shops.")]
EnvOption = Annotated[str, typer.Option("--env", help="Environment: the name of its file in conf.")]
ConfOption = Annotated[Path | None, typer.Option("--conf", help="The conf folder; else REASONREC_CONF, else ./conf.")]
FormatOption = Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")]


def main(arguments: list[str] | None = None) -> None:
    """Runs the command line. Exit status: 0 done, 1 a fault of ours, 2 something to mend, 3 a gate that failed."""
    from libs.ask import AskError
    from libs.job import UserError

    given = sys.argv[1:] if arguments is None else arguments
    if given and (given[0] == "daily" or "." in given[0]):
        given = ["run", *given]  # spark-submit jobs/run.py JOB ...
    try:
        app(given, standalone_mode=False)
    except (ConfError, WindowError, UserError, AskError, catalog.UnknownJobError) as error:
        typer.echo(f"reasonrec: {error}", err=True)
        sys.exit(getattr(error, "status", 2))
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except Exception as error:
        if type(error).__module__.startswith(("click", "typer")) and hasattr(error, "format_message"):
            typer.echo(f"reasonrec: {error.format_message()}", err=True)
            sys.exit(2)
        raise


@app.command()
def run(
    what: Annotated[str, typer.Argument(help="`daily`, or a job of `reasonrec jobs`.")],
    shop: ShopOption,
    start: Annotated[str, typer.Option(help="First business day of the window, YYYY-MM-DD.")],
    end: Annotated[str, typer.Option(help="The day after its last: the day the lists are for.")],
    env: EnvOption = "dev",
    train: Annotated[bool, typer.Option("--train", help="Train even in a backfill, or again.")] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would run, read and write; run nothing.")] = False,
    settings: Annotated[list[str] | None, typer.Option("--set", metavar="JOB.KEY=VALUE", help="A parameter.")] = None,
    conf: ConfOption = None,
) -> None:
    """Runs tonight's jobs, or one job, for a window of business days [start, end).

    Example: reasonrec run daily --shop music_store --start 1998-01-01 --end 2014-06-30
    """
    chosen = _load(conf, env, shop, settings or [])
    assert chosen.shop is not None
    if what != "daily":
        catalog.entry(what)
    zone = chosen.shop.timezone
    window = Window(_day(start, "--start", zone), _day(end, "--end", zone), zone)

    from jobs.walk import make_plan, walk
    from libs.secrets import pseudonym_key
    from libs.spark.session import build_session

    _configure_logs(chosen)
    secrets = {"pseudonym_key": pseudonym_key(chosen.env)}
    spark = build_session(chosen.env, f"reasonrec {what} {shop}")
    planned = make_plan(spark, chosen, what, window, train)
    typer.echo(f"{what} of {shop} for {window.as_of}, release {planned.run.release_id}: {planned.why}", err=True)
    if plan:
        for job in planned.entries:
            typer.echo(f"{job.name}\n  reads  {', '.join(job.reads)}\n  writes {', '.join(job.writes)}")
        return
    walk(spark, planned, secrets)


@app.command()
def jobs() -> None:
    """Lists every job: cadence, compute class, what it does.

    Example: reasonrec jobs
    """
    for job in catalog.CATALOG:
        typer.echo(f"{job.name:36} {job.cadence:10} {job.compute:9} {job.about}")


@app.command()
def tables(
    name: Annotated[str | None, typer.Argument(help="One table, with its columns.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="All of them as docs/tables.md.")] = False,
) -> None:
    """Lists every table and view, or one table's columns with their comments.

    Example: reasonrec tables results.explanations
    """
    from jobs.diagram import tables_markdown
    from libs.tables import TABLES, VIEWS, UnknownTableError, table

    if markdown:
        typer.echo(tables_markdown(), nl=False)
    elif name in VIEWS:
        typer.echo(f"{name}: {VIEWS[name].about}\n{VIEWS[name].sql}")
    elif name:
        try:
            found = table(name)
        except UnknownTableError as error:
            raise ConfError(str(error)) from None
        typer.echo(f"{found.name}: {found.about}\nkeys: {', '.join(found.keys)}\n")
        for column in found.columns:
            typer.echo(f"  {column.name:18} {column.type:40} {column.comment}")
    else:
        for each in [*TABLES.values(), *VIEWS.values()]:
            typer.echo(f"{each.name:36} {each.about}")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over tables and views.")],
    env: EnvOption = "dev",
    engine: Annotated[
        str, typer.Option(help="duckdb answers in about a second; spark reads the same names.")
    ] = "duckdb",
    form: FormatOption = "table",
    output: Annotated[Path | None, typer.Option(help="Write here instead of printing; needed for parquet.")] = None,
    conf: ConfOption = None,
) -> None:
    """Asks the warehouse; every table and view by its name.

    Example: reasonrec sql "SELECT sentence FROM recommendations_with_reasons WHERE language = 'en' LIMIT 5"
    """
    from libs.output import render

    chosen = _load(conf, env, None, [])
    if engine == "duckdb":
        from libs.ask import ask

        answer = ask(chosen.env.warehouse, query).fetch_arrow_table()
    elif engine == "spark":
        from libs.spark.session import build_session
        from libs.spark.sql import ask as ask_spark

        answer = ask_spark(build_session(chosen.env), chosen.env.warehouse, query).toArrow()
    else:
        raise ConfError(f"--engine {engine}: choose duckdb or spark")
    typer.echo(render(answer, form, output), nl=False)


@app.command()
def why(
    user: Annotated[str, typer.Option(help="The shop's own id of the user; it is hashed on the way in.")],
    product: Annotated[str, typer.Option(help="The product.")],
    shop: ShopOption,
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Tells why a product is in a user's list: its sentences, each fact, what each moved, and the rows behind it.

    Example: reasonrec why --shop music_store --user A3EBHHCZO6V2A4 --product B00000016W
    """
    from libs.output import render_why
    from libs.secrets import pseudonym, pseudonym_key
    from libs.why import why as look_up

    chosen = _load(conf, env, shop, [])
    found = look_up(chosen.env.warehouse, shop, pseudonym(user, pseudonym_key(chosen.env)), product)
    if found.recommendation is None:
        raise ConfError(f"{product} is not in tonight's list of user {user}: see current_recommendations")
    typer.echo(render_why(found), nl=False)


@release_app.command("list")
def release_list(env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Lists what was published.

    Example: reasonrec release list
    """
    _print(
        _load(conf, env, None, []),
        """SELECT r.shop, r.release_id, r.as_of, r.users, r.recommendations, r.stale, r.published_at,
                  c.release_id IS NOT NULL AS current
           FROM results.releases AS r
           LEFT JOIN current_release AS c ON c.shop = r.shop AND c.release_id = r.release_id
           ORDER BY r.shop, r.as_of DESC, r.attempt DESC""",
        [],
    )


@release_app.command("show")
def release_show(release_id: str, shop: ShopOption, env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Shows one release: models, table versions, counts.

    Example: reasonrec release show 2014-06-30-01 --shop music_store
    """
    chosen = _load(conf, env, shop, [])
    _print(chosen, "SELECT * FROM results.releases WHERE shop = ? AND release_id = ?", [shop, release_id], "json")


@release_app.command("pin")
def release_pin(
    release_id: str,
    shop: ShopOption,
    reason: Annotated[str, typer.Option(help="Why; kept with the pin.")],
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Makes an older release the current one, whatever is published after it: a roll-back.

    Example: reasonrec release pin 2014-06-23-01 --shop music_store --reason "odd prices since Monday"
    """
    from libs.ask import ask

    chosen = _load(conf, env, shop, [])
    known = "SELECT release_id FROM results.releases WHERE shop = ? AND release_id = ?"
    if not ask(chosen.env.warehouse, known, [shop, release_id]).fetchall():
        raise ConfError(f"{shop} has no published release {release_id!r}: see `reasonrec release list`")
    _pin(chosen, release_id, reason)


@release_app.command("unpin")
def release_unpin(
    shop: ShopOption,
    reason: Annotated[str, typer.Option(help="Why; kept with the row.")] = "unpinned",
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Lifts the pin: the newest published release is current again.

    Example: reasonrec release unpin --shop music_store
    """
    _pin(_load(conf, env, shop, []), None, reason)


@app.command()
def flow() -> None:
    """Prints the flow diagram (Mermaid), drawn from the catalog.

    Example: reasonrec flow
    """
    from jobs.diagram import mermaid

    typer.echo(mermaid(), nl=False)


@app.command()
def status(env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Shows the last run of each shop, what is published, and how old its models are.

    Example: reasonrec status
    """
    from libs.output import STATUS

    for title, query in STATUS.items():
        typer.echo(title)
        _print(_load(conf, env, None, []), query, [])


@app.command()
def doctor(env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Checks the machine and conf: each line ok or what to do; exit status 2 when something is to be mended.

    Example: reasonrec doctor --env dev
    """
    from libs.doctor import examine

    findings = examine(configuration.conf_root(conf), env)
    for finding in findings:
        typer.echo(f"{'ok   ' if finding.good else 'MEND '} {finding.what}: {finding.told}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(2)


@app.command()
def checksum(shop: ShopOption, env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Prints each table's rows and checksum: equal runs print equal lines, run ids and times aside.

    Example: reasonrec checksum --shop music_store
    """
    from libs.spark.checksum import checksums
    from libs.spark.session import build_session

    chosen = _load(conf, env, shop, [])
    for found in checksums(build_session(chosen.env), chosen.env.warehouse, shop):
        typer.echo(f"{found.table:36} {found.rows:>9} {found.exact} {found.close}")


def _load(root: Path | None, env: str, shop: str | None, settings: list[str]) -> Conf:
    import yaml

    overrides: dict[str, dict[str, Any]] = {}
    for setting in settings:
        name, equals, value = setting.partition("=")
        job, dot, key = name.rpartition(".")
        if not (equals and dot):
            raise ConfError(f"--set {setting}: write it as JOB.KEY=VALUE, e.g. candidates.als.rank=32")
        catalog.entry(job)
        overrides.setdefault(job, {})[key] = yaml.safe_load(value)
    return configuration.load(configuration.conf_root(root), env, shop, overrides)


def _day(text: str, option: str, zone: str) -> date:
    """A day, or an instant (a scheduler's data interval) as the shop's business day."""
    if "T" in text:
        from zoneinfo import ZoneInfo

        try:
            return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).date()
        except ValueError:
            pass
    return parse_day(text, option)


def _configure_logs(chosen: Conf) -> None:
    from libs import logs

    logs.configure(chosen.env.log_format)


def _print(chosen: Conf, query: str, parameters: list[Any], form: str = "table") -> None:
    from libs.ask import ask
    from libs.output import render

    typer.echo(render(ask(chosen.env.warehouse, query, parameters).fetch_arrow_table(), form), nl=False)


def _pin(chosen: Conf, release_id: str | None, reason: str) -> None:
    from libs.spark.pins import add_pin
    from libs.spark.session import build_session

    assert chosen.shop is not None
    add_pin(build_session(chosen.env), chosen.env.warehouse, chosen.shop.name, release_id, reason)
    typer.echo(f"{chosen.shop.name}: {'pinned to ' + release_id if release_id else 'unpinned'}")


if __name__ == "__main__":
    main()
