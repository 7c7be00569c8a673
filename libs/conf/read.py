"""Reads and checks `conf`: YAML files to typed objects."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import yaml
from pydantic import BaseModel, TypeAdapter, ValidationError

from libs.conf.environment import EnvConf
from libs.conf.shop import ShopConf
from libs.errors import OperatorError

P = TypeVar("P")
M = TypeVar("M", bound=BaseModel)


@dataclasses.dataclass(frozen=True)
class Conf:
    """All of `conf` for one environment and, optionally, one shop."""

    root: Path
    env: EnvConf
    shop: ShopConf | None
    params: dict[str, dict[str, Any]]

    def job_params(self, job: str) -> dict[str, Any]:
        """Values for a job's Params: conf/params, overridden by the shop's."""
        overrides = self.shop.params.get(job, {}) if self.shop else {}
        return {**self.params.get(job, {}), **overrides}


SHOP_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def conf_root(option: Path | None = None) -> Path:
    """The conf folder: the option, else REASONREC_CONF, else ./conf, else the one beside the code."""
    beside = Path(__file__).resolve().parents[2] / "conf"
    chosen = option or (Path(os.environ["REASONREC_CONF"]) if "REASONREC_CONF" in os.environ else None)
    for root in [chosen] if chosen else [Path.cwd() / "conf", beside]:
        try:
            if (root / "base.yaml").is_file():
                return root
        except OSError:  # not a valid folder name
            continue
    raise OperatorError(f"no conf folder at {chosen or Path.cwd() / 'conf'}: name it with --conf or REASONREC_CONF")


def load(root: Path, env: str, shop: str | None, overrides: dict[str, dict[str, Any]] | None = None) -> Conf:
    """Reads and checks conf; raises OperatorError with one line that names file, key and fix."""
    environments = sorted(path.stem for path in root.glob("*.yaml") if path.stem not in ("base", "fairness"))
    if env not in environments:
        raise OperatorError(f"unknown environment {env!r}: {root} has {', '.join(environments)}")
    base, own = _read(root / "base.yaml"), _read(root / f"{env}.yaml")
    merged = {**base, **own, "env": env}
    for nested in ("spark", "compute", "horovod", "alarms"):
        merged[nested] = {**base.get(nested, {}), **own.get(nested, {})}
    if "REASONREC_WAREHOUSE" in os.environ:
        merged["warehouse"] = os.environ["REASONREC_WAREHOUSE"]
    if "://" not in merged.get("warehouse", "://"):
        merged["warehouse"] = Path(merged["warehouse"]).resolve().as_uri()
    if merged["warehouse"].startswith("file:") and not re.fullmatch(r"[!-$&-~]+", merged["warehouse"]):
        raise OperatorError(
            f"warehouse {unquote(merged['warehouse'])}: Spark and other readers write a folder with a space, a % or a"
            " letter outside ASCII in different ways; name another by REASONREC_WAREHOUSE"
        )
    params: dict[str, dict[str, Any]] = {}
    for path in sorted((root / "params").glob("*.yaml")):
        for job, values in _read(path).items():
            if job.split(".")[0] != path.stem:
                raise OperatorError(f"{path}: {job} does not belong here; {path.stem}.* does")
            params[job] = values or {}
    for job, values in (overrides or {}).items():
        params[job] = {**params.get(job, {}), **values}
    shop_conf = load_shop(root, shop) if shop is not None else None
    if shop_conf and overrides:
        shop_conf = shop_conf.model_copy(
            update={"params": {job: {**own, **overrides.get(job, {})} for job, own in shop_conf.params.items()}}
        )
    return Conf(root, _checked(EnvConf, merged, root / f"{env}.yaml"), shop_conf, params)


def shops(root: Path) -> list[str]:
    return sorted(path.stem for path in (root / "shops").glob("*.yaml"))


def load_shop(root: Path, shop: str) -> ShopConf:
    path = root / "shops" / f"{shop}.yaml"
    if not SHOP_NAME.fullmatch(shop) or not path.is_file():
        raise OperatorError(f"unknown shop {shop!r}: {root / 'shops'} has {', '.join(shops(root)) or 'none'}")
    conf = _checked(ShopConf, {**_read(path), "name": shop}, path)
    for language in conf.languages:
        for part in ("templates", "aspects"):
            file = root / "languages" / language / f"{part}.yaml"
            if not file.is_file():
                raise OperatorError(f"{path}: languages: {language} needs {file}")
    return conf


def typed_params(kind: type[P], values: dict[str, Any], where: str) -> P:
    """A job's frozen Params dataclass from conf values; raises OperatorError for an unknown key or a wrong type."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise OperatorError(f"{where}: unknown parameter {unknown[0]!r}; it takes {', '.join(fields) or 'none'}")
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise OperatorError(f"{where}: {_first(error)}") from None


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise OperatorError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if values is not None and not isinstance(values, dict):
        raise OperatorError(f"{path}: expected keys and values at the top")
    return values or {}


def _checked(model: type[M], values: dict[str, Any], path: Path) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise OperatorError(f"{path}: {_first(error)}") from None


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"{where}: unknown key"
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message
