"""Photos of residents: type sniffed, hidden data stripped, names never used, kept outside the web root."""

from __future__ import annotations

import contextlib
import hashlib
import io
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import filetype
from PIL import Image, ImageOps, UnidentifiedImageError

KINDS = {
    "image/jpeg": ("JPEG", "jpg"),
    "image/png": ("PNG", "png"),
    "image/webp": ("WEBP", "webp"),
    "image/gif": ("GIF", "gif"),
}
MOST_PIXELS = 50_000_000


class NotKept(Exception):
    """A file that was not stored. `code`: photo_too_big, photo_not_image."""

    def __init__(self, code: str) -> None:
        """`code` names the reason."""
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Attachment:
    """A stored file: where it lies and its media type."""

    key: str
    path: Path
    kind: str


class Attachments:
    """One folder of files; each belongs to one conversation and is found only through it."""

    def __init__(self, folder: Path, most: int = 12 * 2**20) -> None:
        """`most`: bytes a file may have."""
        self.folder, self.most = folder, most

    def keep(self, content: bytes, conversation_id: str) -> str:
        """Stores an image without its EXIF; returns its key. Raises NotKept."""
        if len(content) > self.most:
            raise NotKept("photo_too_big")
        sniffed = filetype.guess_mime(content)
        if sniffed not in KINDS:
            raise NotKept("photo_not_image")
        form, ending = KINDS[sniffed]
        key = f"{uuid.uuid4().hex}.{ending}"
        place = self._place(conversation_id)
        place.mkdir(parents=True, exist_ok=True)
        (place / key).write_bytes(_clean(content, form))
        return key

    def find(self, key: str, conversation_id: str) -> Attachment | None:
        """The file of that conversation, or None; a key is never a path."""
        path = self._place(conversation_id) / Path(key).name
        kind = {ending: mime for mime, (_, ending) in KINDS.items()}.get(path.suffix.lstrip("."))
        return Attachment(key, path, kind) if kind and path.name == key and path.is_file() else None

    def of(self, conversation_id: str) -> list[Attachment]:
        """Everything that one conversation has, oldest name first."""
        place = self._place(conversation_id)
        keys = sorted(path.name for path in place.iterdir()) if place.is_dir() else []
        return [found for key in keys if (found := self.find(key, conversation_id))]

    def erase(self, conversation_id: str, *, but: Collection[str] = ()) -> int:
        """Removes the files of one conversation except these keys; returns how many. Repeating it is harmless."""
        place = self._place(conversation_id)
        gone = [path for path in place.iterdir() if path.name not in but] if place.is_dir() else []
        for path in gone:
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # somebody is just keeping another, or there never was one
            place.rmdir()
        return len(gone)

    def _place(self, conversation_id: str) -> Path:
        return self.folder / hashlib.sha256(conversation_id.encode()).hexdigest()[:32]


def _clean(content: bytes, form: str) -> bytes:
    try:
        with Image.open(io.BytesIO(content)) as image:
            if image.width * image.height > MOST_PIXELS:
                raise NotKept("photo_too_big")
            upright = ImageOps.exif_transpose(image)
            if form == "JPEG" and upright.mode not in ("RGB", "L"):
                upright = upright.convert("RGB")
            bare = Image.new(upright.mode, upright.size)
            if upright.mode == "P":
                bare.putpalette(upright.getpalette() or [])
            bare.paste(upright)
            out = io.BytesIO()
            bare.save(out, form)
            return out.getvalue()
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as broken:
        raise NotKept("photo_not_image") from broken
