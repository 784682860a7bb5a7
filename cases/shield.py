"""Keeps who complained from being read off the disk: contacts are sealed with this installation's key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken


class Shield:
    """Seals and opens short texts. `secret` is any non-empty text; whoever has it can read every contact."""

    def __init__(self, secret: str) -> None:
        """Derives the cipher's key from `secret`. Raises ValueError when it is empty."""
        if not secret:
            raise ValueError("the key that seals contacts is empty")
        self._cipher = Fernet(base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()))

    @classmethod
    def of_this_installation(cls) -> Shield:
        """MINHU_SECRET_KEY, or a key file made in MINHU_VAR at first need, readable by its owner only."""
        given = os.environ.get("MINHU_SECRET_KEY")
        if given:
            return cls(given)
        path = Path(os.environ.get("MINHU_VAR", "var")) / "contacts.key"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            with open(os.open(fresh, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
                file.write(secrets.token_urlsafe(32))
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        return cls(path.read_text(encoding="ascii").strip())

    def seal(self, text: str | None) -> str | None:
        """Unreadable without the key."""
        return self._cipher.encrypt(text.encode()).decode() if text else None

    def open(self, sealed: str | None) -> str | None:
        """The text again. Raises PermissionError when the key is another one."""
        if not sealed:
            return None
        try:
            return self._cipher.decrypt(sealed.encode()).decode()
        except InvalidToken as wrong:
            raise PermissionError("this contact was sealed with another key") from wrong
