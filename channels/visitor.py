"""Knows a returning browser by a random id that only this installation can have signed."""

from __future__ import annotations

import contextlib
import os
import secrets
import uuid
from pathlib import Path

from itsdangerous import BadSignature, URLSafeSerializer

COOKIE = "minhu"
YEAR = 365 * 24 * 3600


def secret_key(path: Path) -> bytes:
    """The installation's key, made at first need and readable by its owner only; two processes make the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    if not path.exists():
        with open(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode("ascii"))
        with contextlib.suppress(FileExistsError):
            os.link(fresh, path)
        fresh.unlink()
    return path.read_bytes().strip()


class Visitors:
    """Turns cookies into conversation ids and back."""

    def __init__(self, key: bytes) -> None:
        """`key` signs; whoever has it can read any conversation."""
        self._signer = URLSafeSerializer(key, salt="web visitor")

    def known(self, cookie: str | None) -> str | None:
        """Conversation id of a cookie that we gave out, None for any other."""
        try:
            visitor = self._signer.loads(cookie) if cookie else None
        except BadSignature:
            return None
        return f"web:{visitor}" if isinstance(visitor, str) else None

    def new(self) -> tuple[str, str]:
        """A new conversation id and its cookie."""
        visitor = str(uuid.uuid4())
        cookie = self._signer.dumps(visitor)
        return f"web:{visitor}", cookie if isinstance(cookie, str) else cookie.decode("ascii")
