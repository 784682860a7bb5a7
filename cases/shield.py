"""Keeps who complained from being read off the disk: originals are sealed with this installation's keys."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from cases.redact import UNIT, redact

KEY_FILE = "contacts.key"
#: stands among sealed texts for one that hides nothing
NOTHING = "-"
#: stands for each sign that staff hid by hand
BAR = "█"


class Shield:
    """Seals and opens texts: the newest key seals, every key opens. Whoever has a key can read what it sealed."""

    def __init__(self, secret: str | Sequence[str]) -> None:
        """`secret`: any non-empty text, or several, the newest first. Raises ValueError when there is none."""
        self._file: Path | None = None
        self._seen: tuple[int, int, int] | None = None
        self._use([secret] if isinstance(secret, str) else secret)

    @classmethod
    def of_this_installation(cls) -> Shield:
        """MINHU_SECRET_KEY (several keys with commas between, the newest first), or the key file in MINHU_VAR.

        The file is made at first need, readable by its owner only, one key a line, the newest first; when it changes,
        the shield of a running process follows.
        """
        given = os.environ.get("MINHU_SECRET_KEY")
        if given:
            return cls(keys_in(given))
        return cls.of_file(key_file())

    @classmethod
    def of_file(cls, path: Path) -> Shield:
        """The keys of a file, which is made where there is none."""
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh = path.with_name(f".{path.name}.{os.getpid()}")
            _write(fresh, [secrets.token_urlsafe(32)])
            with contextlib.suppress(FileExistsError):
                os.link(fresh, path)
            fresh.unlink()
        made = cls(read_keys(path))
        made._file, made._seen = path, _mark(path)
        return made

    def seal(self, text: str | None) -> str | None:
        """Unreadable without a key."""
        self._follow()
        return self._ciphers.encrypt(text.encode()).decode() if text else None

    def open(self, sealed: str | None) -> str | None:
        """The text again. Raises PermissionError when it was sealed with a key that is not here."""
        if not sealed:
            return None
        self._follow()
        try:
            return self._ciphers.decrypt(sealed.encode()).decode()
        except InvalidToken as wrong:
            raise PermissionError("this was sealed with another key") from wrong

    def keep(self, text: str | None, level: str = UNIT) -> tuple[str | None, str | None]:
        """What is stored of a text: what `level` may see, and the sealed original where that hides anything."""
        if not text:
            return text, None
        shown = redact(text, level)
        return shown, self.seal(text) if shown != text else None

    def seal_all(self, told: Sequence[str], shown: Sequence[str]) -> str | None:
        """The originals of those texts that are not shown as they were told, side by side; None where all are."""
        sealed = [self.seal(text) if seen != text else None for text, seen in zip(told, shown, strict=True)]
        return " ".join(one or NOTHING for one in sealed) if any(sealed) else None

    def keep_more(self, shown: Sequence[str], sealed: str | None, text: str) -> tuple[list[str], str | None]:
        """Words as shown with their sealed originals, and one more; nothing is opened."""
        seen, original = self.keep(text)
        if sealed is None and original is None:
            return [*shown, text], None
        before = _beside(shown, sealed)
        return [*shown, seen or ""], " ".join([*before, original or NOTHING])

    def hide(self, shown: Sequence[str], sealed: str | None, part: str) -> tuple[list[str], str | None]:
        """Words as shown without `part`, which a black bar takes the place of, and the originals sealed beside them."""
        before = _beside(shown, sealed)
        bare = [text.replace(part, BAR * len(part)) for text in shown]
        originals = [
            (self.seal(text) or NOTHING) if one == NOTHING and text != left else one
            for text, left, one in zip(shown, bare, before, strict=True)
        ]
        return bare, " ".join(originals)

    def open_all(self, shown: Sequence[str], sealed: str | None) -> tuple[str, ...]:
        """The words of `seal_all` as they were told. Raises PermissionError."""
        before = _beside(shown, sealed)
        pairs = zip(shown, before, strict=True)
        return tuple(text if one == NOTHING else self.open(one) or "" for text, one in pairs)

    def key_of(self, sealed: str) -> int | None:
        """Which key sealed it: 0 is the newest, None one that is not here; of several texts the oldest key counts."""
        if " " in sealed:
            numbers = [self.key_of(one) for one in sealed.split(" ") if one != NOTHING]
            return None if None in numbers else max(n for n in numbers if n is not None)
        self._follow()
        for number, cipher in enumerate(self._each):
            with contextlib.suppress(InvalidToken):
                cipher.decrypt(sealed.encode())
                return number
        return None

    def reseal(self, sealed: str) -> str:
        """The same originals under the newest key; as it is where it was that already. Raises PermissionError."""
        if " " in sealed:
            return " ".join(one if one == NOTHING else self.reseal(one) for one in sealed.split(" "))
        if self.key_of(sealed) == 0:
            return sealed
        again = self.seal(self.open(sealed))
        assert again is not None
        return again

    @property
    def keys(self) -> int:
        """How many keys there are."""
        self._follow()
        return len(self._each)

    def _use(self, given: Sequence[str]) -> None:
        if not given or not all(given):
            raise ValueError("the key that seals contacts is empty")
        self._each = [Fernet(base64.urlsafe_b64encode(hashlib.sha256(key.encode()).digest())) for key in given]
        self._ciphers = MultiFernet(self._each)

    def _follow(self) -> None:
        """Reads the key file again when it has changed, so that no process seals on with an old key."""
        if self._file is not None and (mark := _mark(self._file)) != self._seen:
            self._use(read_keys(self._file))
            self._seen = mark


def _beside(shown: Sequence[str], sealed: str | None) -> list[str]:
    """The sealed originals beside words as shown, NOTHING where one hides nothing."""
    return sealed.split(" ") if sealed else [NOTHING] * len(shown)


def key_file() -> Path:
    """Where this installation keeps its keys unless the environment holds them."""
    return Path(os.environ.get("MINHU_VAR", "var")) / KEY_FILE


def keys_in(given: str) -> list[str]:
    """The keys of MINHU_SECRET_KEY; the whole text counts, too, for one key may have held a comma once."""
    parts = [part.strip() for part in given.split(",") if part.strip()]
    return parts if parts == [given] else [*parts, given]


def read_keys(path: Path) -> list[str]:
    """One key a line, the newest first."""
    return [line.strip() for line in path.read_text(encoding="ascii").splitlines() if line.strip()]


def write_keys(path: Path, keys: Sequence[str]) -> None:
    """Puts another set of keys into the file at once: whoever reads finds the old ones or the new."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    _write(fresh, keys)
    os.replace(fresh, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _write(path: Path, keys: Sequence[str]) -> None:
    with open(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write("\n".join(keys) + "\n")
        file.flush()
        os.fsync(file.fileno())


def _mark(path: Path) -> tuple[int, int, int]:
    """Changes whenever the file does."""
    state = path.stat()
    return state.st_ino, state.st_mtime_ns, state.st_size
