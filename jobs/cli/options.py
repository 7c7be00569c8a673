"""Options and helpers that the commands share."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from jobs import catalog
from libs import conf as configuration
from libs.conf import Conf
from libs.errors import OperatorError

ShopOption = Annotated[str, typer.Option("--shop", help="Shop: the name of its file in conf/shops, without .yaml.")]
EnvOption = Annotated[str, typer.Option("--env", help="Environment: the name of its file in conf, without .yaml.")]
ConfOption = Annotated[Path | None, typer.Option("--conf", help="Conf folder; default REASONREC_CONF, then ./conf.")]
FormatOption = Annotated[str, typer.Option("--format", help="table, csv, json or parquet.")]


def load(root: Path | None, env: str, shop: str | None = None, settings: list[str] | None = None) -> Conf:
    """The whole conf with the parameters of --set applied; raises OperatorError that names what is wrong."""
    import yaml

    overrides: dict[str, dict[str, Any]] = {}
    for setting in settings or []:
        name, equals, value = setting.partition("=")
        job, dot, key = name.rpartition(".")
        if not (equals and dot):
            raise OperatorError(f"--set {setting}: write it as JOB.KEY=VALUE, e.g. candidates.als.rank=32")
        catalog.get_job(job)
        try:
            overrides.setdefault(job, {})[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError, RecursionError):
            raise OperatorError(f"--set {name}: its value is not YAML; put text in quotes") from None
    chosen = configuration.load(configuration.conf_root(root), env, shop, overrides)
    for job in overrides:
        check_params(chosen, job)
    return chosen


def check_params(chosen: Conf, job: str) -> None:
    """Raises OperatorError for parameters that the job does not have, before anything starts."""
    kind = getattr(importlib.import_module(f"jobs.{job}"), "Params", None)
    values = chosen.job_params(job)
    if kind is not None:
        configuration.typed_params(kind, values, f"params of {job}")
    elif values:
        raise OperatorError(f"params of {job}: unknown parameter {min(values)!r}; it takes none")


def show(chosen: Conf, query: str, parameters: list[Any] | None = None, form: str = "table") -> None:
    """Prints the answer to a query."""
    from jobs.cli.output import render
    from libs.query.ask import answer

    typer.echo(render(answer(chosen.env.warehouse, query, parameters), form), nl=False)
