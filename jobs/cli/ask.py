"""Commands that change nothing: list jobs and tables, query the warehouse, check the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs import catalog
from jobs.cli.options import ConfOption, EnvOption, FormatOption, ShopOption, load
from libs import conf as configuration
from libs.errors import OperatorError

app = typer.Typer()


@app.command()
def jobs() -> None:
    """List every job: group, cadence, compute class, what it does.

    Example: reasonrec jobs
    """
    for job in catalog.CATALOG:
        group = catalog.group_of(job.name)
        typer.echo(f"{job.name:32} {group:10} {job.cadence:12} {job.compute:5} {job.about}")


@app.command()
def tables(
    name: Annotated[str | None, typer.Argument(help="A table or view to describe.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print docs/tables.md.")] = False,
) -> None:
    """List every table and view, or describe one: columns with comments.

    Example: reasonrec tables results.explanations
    """
    from jobs.cli.diagram import tables_markdown
    from libs.tables import TABLES, VIEWS, UnknownTableError, table

    if markdown:
        typer.echo(tables_markdown(), nl=False)
    elif name in VIEWS:
        typer.echo(f"{name}: {VIEWS[name].about}\n{VIEWS[name].sql}")
    elif name is not None:
        try:
            described = table(name)
        except UnknownTableError as error:
            raise OperatorError(str(error)) from None
        typer.echo(f"{described.name}: {described.about}\nkeys: {', '.join(described.keys)}\n")
        for column in described.columns:
            typer.echo(f"  {column.name:18} {column.type:40} {column.comment}")
    else:
        for relation in [*TABLES.values(), *VIEWS.values()]:
            typer.echo(f"{relation.name:36} {relation.about}")


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="One SELECT over tables and views.")],
    env: EnvOption = "dev",
    engine: Annotated[str, typer.Option(help="duckdb (answers in about a second) or spark.")] = "duckdb",
    form: FormatOption = "table",
    output: Annotated[Path | None, typer.Option(help="Write to this new file; required for parquet.")] = None,
    conf: ConfOption = None,
) -> None:
    """Query the warehouse in SQL: every table and view by its name, SELECT only.

    Example: reasonrec sql "SELECT sentence FROM recommendations_with_reasons WHERE language = 'en' LIMIT 5"
    """
    from jobs.cli.output import check_output, render

    chosen = load(conf, env)
    check_output(output, chosen.env.warehouse)
    if engine == "duckdb":
        from libs.query.ask import answer

        rows = answer(chosen.env.warehouse, query)
    elif engine == "spark":
        from libs.query.spark_sql import ask as ask_spark
        from libs.spark.session import build_session

        rows = ask_spark(build_session(chosen.env), chosen.env.warehouse, query).toArrow()
    else:
        raise OperatorError(f"--engine {engine}: choose duckdb or spark")
    typer.echo(render(rows, form, output), nl=False)


@app.command(name="sql-server")
def sql_server(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 10000,
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Serve every table and view to JDBC and ODBC tools, read only, until Ctrl-C.

    Examples:
        reasonrec sql-server
        REASONREC_WAREHOUSE=/data/warehouse reasonrec sql-server --port 10017
        beeline -u jdbc:hive2://127.0.0.1:10017 -e "SELECT * FROM current_release"
    """
    import signal

    chosen = load(conf, env)
    from libs.query.sql_server import HOST, serve

    # So that SIGTERM, like Ctrl-C, removes the server's temporary folder.
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        serve(chosen.env, port, lambda: typer.echo(f"ready: jdbc:hive2://{HOST}:{port}"))
    except KeyboardInterrupt:
        typer.echo("stopped", err=True)


@app.command()
def why(
    user: Annotated[str, typer.Option(help="The shop's own user id; it is hashed before the look-up.")],
    shop: ShopOption,
    product: Annotated[str | None, typer.Option(help="A product of that user's list; by default its first.")] = None,
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Explain why a product is in a user's list: sentences, facts, how far each moved the score, source rows.

    Example: reasonrec why --shop music_store --user A3EBHHCZO6V2A4
    """
    from jobs.cli.output import render_why
    from libs.privacy.keys import pseudonym, pseudonym_key
    from libs.query.why import is_known
    from libs.query.why import why as look_up
    from libs.text.clean import clean_id

    chosen = load(conf, env, shop)
    user_id = pseudonym(clean_id(user), pseudonym_key(chosen.env))
    answer = look_up(chosen.env.warehouse, shop, user_id, product)
    if answer is None and not is_known(chosen.env.warehouse, shop, user_id):
        raise OperatorError(f"{shop} has never seen user {user}; is the id spelled as the shop does?")
    if answer is None:
        missing = f"{product} is not in tonight's list of user {user}"
        if product is None:
            missing = f"user {user} has no list tonight"
        raise OperatorError(f"{missing}: see current_recommendations")
    typer.echo(render_why(answer), nl=False)


@app.command()
def flow(
    groups: Annotated[bool, typer.Option("--groups", help="Draw the groups instead of every job.")] = False,
) -> None:
    """Print the flow diagram (Mermaid), generated from the catalog.

    Example: reasonrec flow --groups
    """
    from jobs.cli.diagram import groups_mermaid, mermaid

    typer.echo(groups_mermaid() if groups else mermaid(), nl=False)


@app.command()
def status(
    env: EnvOption = "dev",
    check: Annotated[
        bool, typer.Option("--check", help="Raise an alarm and exit 3 if a release is missing after publish_by.")
    ] = False,
    conf: ConfOption = None,
) -> None:
    """Show each shop's release with its warnings, the age of its models, its last run and its last alarms.

    Example: reasonrec status
    """
    if check:
        from jobs.cli.check import check_published

        check_published(configuration.conf_root(conf), env)
        return

    from jobs.cli.status import status as of_shops
    from libs.query.ask import answer

    warehouse = load(conf, env).env.warehouse
    typer.echo(of_shops(lambda query: answer(warehouse, query)), nl=False)


@app.command()
def doctor(env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Check the machine and conf; each line is ok or says what to fix. Exit status 2 if anything needs fixing.

    Example: reasonrec doctor --env dev
    """
    from jobs.cli.doctor import examine

    findings = examine(configuration.conf_root(conf), env)
    for finding in findings:
        typer.echo(f"{'ok  ' if finding.good else 'FIX '} {finding.what}: {finding.message}")
    if not all(finding.good for finding in findings):
        raise typer.Exit(2)


@app.command()
def checksum(shop: ShopOption, env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Print each table's rows and checksum; equal results print equal lines (run ids and times are left out).

    Example: reasonrec checksum --shop music_store
    """
    from libs.query.checksum import checksums
    from libs.spark.session import build_session

    chosen = load(conf, env, shop)
    for row in checksums(build_session(chosen.env), chosen.env.warehouse, shop):
        typer.echo(f"{row.table:36} {row.rows:>9} {row.exact} {row.close}")
