"""Reads and checks `conf`: YAML files to typed objects."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator
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
    """A shop's file as a typed object; raises OperatorError with the first of `shop_faults`."""
    path = _shop_file(root, shop)
    conf = _checked(ShopConf, {**_read(path), "name": shop}, path)
    for fault in _language_faults(root, conf):
        raise OperatorError(f"{path}: {fault}")
    return conf


def shop_faults(root: Path, shop: str) -> list[str]:
    """All that is wrong with a shop's file by itself, each as one line, `KEY: what is wrong`.

    Rules about several keys are checked once each key is right by itself.

    Raises:
        OperatorError: there is no such shop, or its file is not YAML, or has a key twice.
    """
    try:
        conf = ShopConf.model_validate({**_read(_shop_file(root, shop)), "name": shop})
    except ValidationError as error:
        return _faults(error)
    return list(_language_faults(root, conf))


def _shop_file(root: Path, shop: str) -> Path:
    path = root / "shops" / f"{shop}.yaml"
    if not SHOP_NAME.fullmatch(shop) or not path.is_file():
        raise OperatorError(f"unknown shop {shop!r}: {root / 'shops'} has {', '.join(shops(root)) or 'none'}")
    return path


def _language_faults(root: Path, conf: ShopConf) -> Iterator[str]:
    for language in conf.languages:
        for part in ("templates", "aspects"):
            file = root / "languages" / language / f"{part}.yaml"
            if not file.is_file():
                yield f"languages: {language} needs {file}"


def typed_params(kind: type[P], values: dict[str, Any], where: str) -> P:
    """A job's frozen Params dataclass from conf values; raises OperatorError for an unknown key or a wrong type."""
    fields = {f.name: f for f in dataclasses.fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(fields))
    if unknown:
        raise OperatorError(f"{where}: unknown parameter {unknown[0]!r}; it takes {', '.join(fields) or 'none'}")
    try:
        return TypeAdapter(kind).validate_python(values)
    except ValidationError as error:
        raise OperatorError(f"{where}: {_faults(error)[0]}") from None


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a mapping that has a key twice: YAML's own loader keeps the last one in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: dict[str, yaml.Node] = {}
        for key, _ in node.value:
            first = keys.setdefault(str(key.value), key)
            if first is not key:
                lines = f"line {first.start_mark.line + 1} and again on line {key.start_mark.line + 1}"
                raise OperatorError(f"{key.value} stands on {lines}; keep one")
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)  # noqa: S506  (a SafeLoader)
    except OperatorError as error:
        raise OperatorError(f"{path}: {error}") from None
    except UnicodeDecodeError:
        raise OperatorError(f"{path}: is not UTF-8; save it as such") from None
    except yaml.YAMLError as error:
        raise OperatorError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if values is not None and not isinstance(values, dict):
        raise OperatorError(f"{path}: expected keys and values at the top")
    return values or {}


def _checked(model: type[M], values: dict[str, Any], path: Path) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise OperatorError(f"{path}: {_faults(error)[0]}") from None


def _faults(error: ValidationError) -> list[str]:
    """Pydantic's errors, each as one line, `KEY: what is wrong`."""
    faults = []
    for entry in error.errors():
        where = ".".join(str(part) for part in entry["loc"])
        unknown = entry["type"] == "extra_forbidden"
        message = "unknown key" if unknown else " ".join(entry["msg"].removeprefix("Value error, ").split())
        faults.append(f"{where}: {message}" if where else message)
    return faults
