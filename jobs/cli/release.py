"""`reasonrec release ...`: list, show and pin releases."""

from __future__ import annotations

from typing import Annotated

import typer

from jobs.cli.options import ConfOption, EnvOption, ShopOption, load, show
from libs.conf import Conf
from libs.errors import OperatorError

app = typer.Typer(no_args_is_help=True, help="List, show and pin releases.")


@app.command("list")
def list_releases(env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """List every published release; `current` marks what readers see.

    Example: reasonrec release list
    """
    show(
        load(conf, env),
        """SELECT r.shop, r.release_id, r.as_of, r.users, r.recommendations, r.stale, r.published_at,
                  c.release_id IS NOT NULL AS current
           FROM results.releases AS r
           LEFT JOIN current_release AS c ON c.shop = r.shop AND c.release_id = r.release_id
           ORDER BY r.shop, r.as_of DESC, r.attempt DESC""",
    )


@app.command("show")
def show_release(release_id: str, shop: ShopOption, env: EnvOption = "dev", conf: ConfOption = None) -> None:
    """Show one release: models, table versions, counts.

    Example: reasonrec release show 2014-06-30-01 --shop music_store
    """
    chosen = load(conf, env, shop)
    show(chosen, "SELECT * FROM results.releases WHERE shop = ? AND release_id = ?", [shop, release_id], "json")


@app.command("pin")
def pin(
    release_id: str,
    shop: ShopOption,
    reason: Annotated[str, typer.Option(help="Why; stored with the pin.")],
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Roll back: keep an older release current, whatever is published after it.

    Example: reasonrec release pin 2014-06-23-01 --shop music_store --reason "odd prices since Monday"
    """
    from libs.query.ask import ask

    chosen = load(conf, env, shop)
    known = "SELECT release_id FROM results.releases WHERE shop = ? AND release_id = ?"
    if not ask(chosen.env.warehouse, known, [shop, release_id]).fetchall():
        raise OperatorError(f"{shop} has no published release {release_id!r}: see `reasonrec release list`")
    _pin(chosen, release_id, reason)


@app.command("unpin")
def unpin(
    shop: ShopOption,
    reason: Annotated[str, typer.Option(help="Why; stored.")] = "unpinned",
    env: EnvOption = "dev",
    conf: ConfOption = None,
) -> None:
    """Remove the pin: the newest published release is current again.

    Example: reasonrec release unpin --shop music_store
    """
    _pin(load(conf, env, shop), None, reason)


def _pin(chosen: Conf, release_id: str | None, reason: str) -> None:
    from jobs.cli.pins import add_pin
    from libs.spark.session import build_session

    assert chosen.shop is not None
    add_pin(build_session(chosen.env), chosen.env.warehouse, chosen.shop.name, release_id, reason)
    typer.echo(f"{chosen.shop.name}: {'pinned to ' + release_id if release_id else 'unpinned'}")
