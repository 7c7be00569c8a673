"""The keys that hash user ids: from the environment, or on a laptop from key files."""

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
# A key's name in jobs -> its environment variable, and what fails without it.
_KEYS = {
    "pseudonym_key": (VARIABLE, "user ids cannot be pseudonymised"),
    "suppression_key": ("REASONREC_SUPPRESSION_KEY", "erased users cannot be kept out"),
    "old_key": ("REASONREC_KEY_OLD", "pseudonyms of the old key cannot be found"),
}
# Endings of the key files that are created beside a local warehouse.
_FILES = {"pseudonym_key": ".key", "suppression_key": ".suppression.key"}


def keys(env: EnvConf) -> dict[str, str]:
    """The available keys as hex, by name; `pseudonym_key` is always among them.

    Where conf allows key files, missing pseudonym and suppression keys are created.

    Raises:
        OperatorError: the environment has no pseudonym key and conf does not allow a key file, or a key is malformed.
    """
    available = {name: key for name in _KEYS if (key := _find(env, name)) is not None}
    required(available, "pseudonym_key")
    return available


def pseudonym_key(env: EnvConf) -> str:
    """The pseudonym key alone, for commands that only read: creates no other key. Raises OperatorError as `keys`."""
    key = _find(env, "pseudonym_key")
    return required({} if key is None else {"pseudonym_key": key}, "pseudonym_key")


def _find(env: EnvConf, name: str) -> str | None:
    key = os.environ.get(_KEYS[name][0])
    can_be_made = name == "pseudonym_key" or (name in _FILES and _local(env.warehouse))
    if key is None and env.pseudonym_key == "file" and can_be_made:
        key = _from_file(env.warehouse, _FILES[name])
    if key is not None and not re.fullmatch(r"[0-9a-fA-F]{64}", key):
        raise OperatorError(f"{_KEYS[name][0]} is not 64 hex digits; `openssl rand -hex 32` makes one")
    return None if key is None else key.lower()


def required(available: Mapping[str, str], name: str) -> str:
    """The key of that name; raises OperatorError that names the variable to set."""
    if name not in available:
        variable, consequence = _KEYS[name]
        raise OperatorError(f"{variable} is not set: {consequence}; set it to 64 hex digits")
    return available[name]


def key_file(warehouse: str, ending: str = ".key") -> Path:
    """The key file of a local warehouse: beside it, not in it, so that a copy of the tables has no copy of the key."""
    return Path(urlparse(warehouse).path.rstrip("/") + ending)


def _local(warehouse: str) -> bool:
    return urlparse(warehouse).scheme in ("", "file")


def _from_file(warehouse: str, ending: str) -> str:
    if not _local(warehouse):
        raise OperatorError(f"pseudonym_key: file needs a local warehouse, not {warehouse}; set {VARIABLE}")
    path = key_file(warehouse, ending)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        # Readable by its owner only, and linked into place when complete: of two first runs, both read the same key.
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f"{path.name}.") as file:
            file.write(random.token_hex(32))
            file.flush()
            with suppress(FileExistsError):
                os.link(file.name, path)
    if path.stat().st_mode & 0o077:
        raise OperatorError(f"{path} may be read by others; `chmod 600 {path}`")
    return path.read_text().strip()


def pseudonym(user_id: str, key: str) -> str:
    """The first 32 hex digits of the HMAC-SHA256 of a shop's user id; all tables after bronze hold ids in this form."""
    return hmac.new(bytes.fromhex(key), user_id.encode(), hashlib.sha256).hexdigest()[:32]


def key_id(key: str) -> str:
    """Identifies a key without revealing it: 8 hex digits."""
    return hashlib.sha256(bytes.fromhex(key)).hexdigest()[:8]
