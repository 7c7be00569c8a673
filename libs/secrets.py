"""The key that pseudonymises user ids: from the environment, or on a laptop from a file of its own."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets as random
from pathlib import Path
from urllib.parse import urlparse

from libs.conf import ConfError, EnvConf

VARIABLE = "REASONREC_KEY"


def pseudonym_key(env: EnvConf) -> str:
    """The key as hex.

    Raises:
        ConfError: the environment has none and conf does not allow a key file, or it is not 64 hex digits.
    """
    found = os.environ.get(VARIABLE)
    if found is None and env.pseudonym_key == "file":
        found = _from_file(env.warehouse)
    if found is None:
        raise ConfError(f"{VARIABLE} is not set: user ids cannot be pseudonymised; set it to 64 hex digits")
    if not re.fullmatch(r"[0-9a-fA-F]{64}", found):
        raise ConfError(f"{VARIABLE} is not 64 hex digits; `openssl rand -hex 32` makes one")
    return found.lower()


def key_file(warehouse: str) -> Path:
    """Beside a local warehouse, not in it: a copy of the tables is then no copy of the key."""
    return Path(urlparse(warehouse).path.rstrip("/") + ".key")


def _from_file(warehouse: str) -> str:
    if urlparse(warehouse).scheme not in ("", "file"):
        raise ConfError(f"pseudonym_key: file needs a local warehouse, not {warehouse}; set {VARIABLE}")
    path = key_file(warehouse)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(random.token_hex(32))
    if path.stat().st_mode & 0o077:
        raise ConfError(f"{path} may be read by others; `chmod 600 {path}`")
    return path.read_text().strip()


def pseudonym(user_id: str, key: str) -> str:
    """HMAC-SHA256 of a shop's user id, the first 32 hex digits: the form all tables after bronze hold."""
    return hmac.new(bytes.fromhex(key), user_id.encode(), hashlib.sha256).hexdigest()[:32]


def key_id(key: str) -> str:
    """Which key made a pseudonym, without telling the key."""
    return hashlib.sha256(bytes.fromhex(key)).hexdigest()[:8]
