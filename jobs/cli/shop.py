"""`reasonrec shop`: drafts the mapping of a new shop from its files, and checks a mapping against them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from jobs.cli.options import ConfOption, EnvOption
from libs import conf as configuration
from libs.conf.read import SHOP_NAME
from libs.errors import OperatorError
from libs.logs import visible

app = typer.Typer(no_args_is_help=True, help="Bring a shop: draft its mapping, check it.")


@app.command()
def draft(
    files: Annotated[list[Path], typer.Argument(help="Files, folders or patterns; CSV, JSON, Parquet, Delta, gzip.")],
    name: Annotated[str | None, typer.Option(help="The shop: writes conf/shops/NAME.yaml.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of printing.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    conf: ConfOption = None,
) -> None:
    """Write a first mapping for a shop from a look at its files, with the reason for each guess as a comment.

    Examples:
        reasonrec shop draft deliveries/*.csv
        reasonrec shop draft /data/corner_shop --name corner_shop
        reasonrec shop check corner_shop

    Lines marked CHECK are guesses that no file could settle. What could not be guessed is listed on standard error.
    """
    from libs.draft.shop import draft as draft_of

    root = configuration.conf_root(conf)
    if name is not None and not SHOP_NAME.fullmatch(name):
        raise OperatorError(f"--name {name!r}: use small letters, digits and _, beginning with a letter")
    target = out or (root / "shops" / f"{name}.yaml" if name else None)
    if target is not None:
        _check_target(target, force)
    made = draft_of(files, root.resolve().parent, name or (out.stem if out else "SHOP"))
    if target is None:
        typer.echo(made.text, nl=False)
    else:
        target.write_text(made.text, encoding="utf-8")
        typer.echo(f"{target}: {len(made.text.splitlines())} lines", err=True)
    for told in made.lacks:
        typer.echo(f"still to do: {visible(told)}", err=True)
    if not made.events:
        raise OperatorError("no file tells what users bought, reviewed or did: name one that does")


def _check_target(target: Path, force: bool) -> None:
    """Raises OperatorError if a file cannot be written, or is there and may not be overwritten."""
    try:
        exists, folder = target.exists() or target.is_symlink(), target.parent.is_dir()
    except (OSError, ValueError):
        raise OperatorError(f"--out {str(target)!r}: not a file name") from None
    if not folder:
        raise OperatorError(f"--out {str(target)!r}: its folder does not exist")
    if exists and not force:
        raise OperatorError(f"{target} exists already: name another, or overwrite it by --force")


@app.command()
def check(
    shop: Annotated[str, typer.Argument(help="The name of its file in conf/shops, without .yaml.")],
    env: EnvOption = "dev",
    everything: Annotated[bool, typer.Option("--all", help="Look at all rows, not only 50,000 a source.")] = False,
    conf: ConfOption = None,
) -> None:
    """Check a shop's mapping against its files: every mistake at once, five mapped rows, what was found.

    Nothing is written. Exit status: 0 nothing to fix (there may be warnings), 2 a line beginning with FIX says what.

    Examples:
        reasonrec shop check corner_shop
        reasonrec shop check corner_shop --all
    """
    from jobs.cli.shop_check import ROWS, check_shop, session
    from jobs.cli.shop_report import report_lines

    root = configuration.conf_root(conf)
    settings = configuration.load(root, env, None).env
    report = check_shop(lambda: session(settings), root, shop, None if everything else ROWS)
    for line in report_lines(report):
        typer.echo(visible(line))
    if report.mistakes:
        raise typer.Exit(2)
