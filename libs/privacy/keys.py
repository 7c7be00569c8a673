"""The keys that hash user ids: from the environment, or on a laptop from files of their own."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets as random
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlparse

from libs.conf import EnvConf
from libs.errors import OperatorError

VARIABLE = "REASONREC_KEY"
# The name under which jobs find a key -> its variable, and what it is for.
_KEYS = {
    "pseudonym_key": (VARIABLE, "user ids cannot be pseudonymised"),
    "suppression_key": ("REASONREC_SUPPRESSION_KEY", "erased users cannot be kept out"),
    "old_key": ("REASONREC_KEY_OLD", "pseudonyms of the old key cannot be found"),
}
# Endings of the files that a laptop makes beside its warehouse.
_FILES = {"pseudonym_key": ".key", "suppression_key": ".suppression.key"}


def keys(env: EnvConf) -> dict[str, str]:
    """The keys there are, as hex, by name; `pseudonym_key` always. On a laptop the first two have files of their own.

    Raises:
        OperatorError: the environment has no pseudonym key and conf does not allow a key file, or a key is malformed.
    """
    found = {name: key for name in _KEYS if (key := _find(env, name)) is not None}
    required(found, "pseudonym_key")
    return found


def pseudonym_key(env: EnvConf) -> str:
    """The key that makes pseudonyms, alone: who only looks makes no other; raises OperatorError as `keys`."""
    found = _find(env, "pseudonym_key")
    return required({} if found is None else {"pseudonym_key": found}, "pseudonym_key")


def _find(env: EnvConf, name: str) -> str | None:
    key = os.environ.get(_KEYS[name][0])
    can_be_made = name == "pseudonym_key" or (name in _FILES and _local(env.warehouse))
    if key is None and env.pseudonym_key == "file" and can_be_made:
        key = _from_file(env.warehouse, _FILES[name])
    if key is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        raise OperatorError(f"{_KEYS[name][0]} is not 64 hex digits; `openssl rand -hex 32` makes one")
    return None if key is None else key.lower()


def required(found: Mapping[str, str], name: str) -> str:
    """One of the keys; raises OperatorError that names the variable to set."""
    if name not in found:
        variable, without = _KEYS[name]
        raise OperatorError(f"{variable} is not set: {without}; set it to 64 hex digits")
    return found[name]


def key_file(warehouse: str, ending: str = ".key") -> Path:
    """Beside a local warehouse, not in it: a copy of the tables is then no copy of the key."""
    return Path(urlparse(warehouse).path.rstrip("/") + ending)


def _local(warehouse: str) -> bool:
    return urlparse(warehouse).scheme in ("", "file")


def _from_file(warehouse: str, ending: str) -> str:
    if not _local(warehouse):
        raise OperatorError(f"pseudonym_key: file needs a local warehouse, not {warehouse}; set {VARIABLE}")
    path = key_file(warehouse, ending)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readable by its owner alone, and there once it is whole: of two first runs at once, both read the first's.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.") as file:
            file.write(random.token_hex(32))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    if path.stat().st_mode & 0o077:
        raise OperatorError(f"{path} may be read by others; `chmod 600 {path}`")
    return path.read_text().strip()


def pseudonym(user_id: str, key: str) -> str:
    """HMAC-SHA256 of a shop's user id, the first 32 hex digits: the form all tables after bronze hold."""
    return hmac.new(bytes.fromhex(key), user_id.encode(), hashlib.sha256).hexdigest()[:32]


def key_id(key: str) -> str:
    """Which key made a pseudonym, without telling the key."""
    return hashlib.sha256(bytes.fromhex(key)).hexdigest()[:8]
