"""Copies an installation while it runs, and brings it back: whole, checked against a manifest, and without its keys."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from datetime import datetime
from pathlib import Path
from typing import Any

from cases import copies
from cases.copies import BackupError, Table

MANIFEST = "manifest.json"
FORMAT = 1
AT_A_TIME = 2**20


@dataclass(frozen=True)
class Holdings:
    """What an installation consists of, by name. What is not there yet is left out; `needed` must be.

    `databases`: SQLAlchemy URLs; `folders` and `files`: where they lie. No key is among them, ever.
    """

    databases: Mapping[str, str]
    folders: Mapping[str, Path]
    files: Mapping[str, Path]
    needed: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Report:
    """What was copied: rows by database and table, number of files and their bytes; when the copy was made."""

    made_at: str
    tables: Mapping[str, Mapping[str, int]]
    files: int
    size: int
    differing: tuple[str, ...] = ()


def backup(holdings: Holdings, folder: Path, now: datetime) -> Report:
    """Writes a backup into `folder`, which may not hold anything yet. Raises BackupError; then there is none.

    Databases come first and each is one consistent look, so that every photo that they name is copied after them.
    Until everything is written and on the disk it lies under another name.
    """
    folder = folder.absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} holds something already; a backup goes into a folder of its own.")
    unfinished = folder.with_name(f".{folder.name}.unfinished")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(mode=0o700)
        manifest = _collect(holdings, unfinished, now)
        (unfinished / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
        _settle(unfinished)
        os.replace(unfinished, folder)
        _sync(folder.parent)
    except OSError as refused:
        raise BackupError(f"Can't write the backup: {refused.strerror or refused}.") from refused
    return _report(manifest)


def restore(holdings: Holdings, folder: Path, *, replace: bool = False) -> Report:
    """Brings a backup back. Raises BackupError before anything was touched, or saying what could not be brought back.

    `differing` of the report names every table, file and folder that is not as the manifest says: none, where all is
    well. The database of the cases comes last: where it is empty, a restore was broken off and has to be repeated.
    """
    manifest = read_manifest(folder)
    parts = _parts(manifest, holdings)
    if not replace and (full := sorted(name for name in parts if _holds_something(name, holdings))):
        raise BackupError(
            f"This installation holds data already: {', '.join(full)}. --replace puts the backup over it."
        )
    for name in manifest["databases"]:
        copies.of(holdings.databases[name]).ready(folder / manifest["databases"][name]["file"])
    try:
        for name, target in holdings.folders.items():
            _restore_folder(folder / name, target)
        for name, path in holdings.files.items():
            _restore_file(folder / name, path)
    except OSError as refused:
        raise BackupError(f"Can't restore: {refused}.") from refused
    for name, url in reversed(list(holdings.databases.items())):
        kept = manifest["databases"].get(name)
        if kept is None:
            copies.of(url).drop()
        else:
            copies.of(url).load(folder / kept["file"], set(kept["tables"]))
    return changed(_report(manifest), differing=tuple(_differing(manifest, holdings)))


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a backup all of whose files are there and unharmed. Raises BackupError."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT:
            raise BackupError(f"{folder} is a backup of format {manifest['format']}; this version reads {FORMAT}.")
        listed, databases = dict(manifest["files"]), dict(manifest["databases"])
        missing = [kept["file"] for kept in databases.values() if kept["file"] not in listed]
    except OSError as refused:
        raise BackupError(f"{folder} is no complete backup: {MANIFEST}: {refused.strerror}.") from refused
    except (ValueError, KeyError, TypeError, AttributeError) as wrong:
        raise BackupError(f"{folder}: {MANIFEST} can't be read.") from wrong
    found = {str(path.relative_to(folder)) for path in _files(folder)} - {MANIFEST}
    if bad := sorted({*missing, *(found ^ set(listed))}):
        raise BackupError(f"{folder} is damaged: {bad[0]} is {'missing' if bad[0] not in found else 'no part of it'}.")
    for name, told in listed.items():
        if _told(folder / name) != told:
            raise BackupError(f"{folder} is damaged: {name} is not as it was written.")
    return manifest


# --- writing -----------------------------------------------------------------------------------------------------


def _collect(holdings: Holdings, into: Path, now: datetime) -> dict[str, Any]:
    databases: dict[str, Any] = {}
    for name, url in holdings.databases.items():
        copy = copies.of(url)
        if not copy.exists():
            if name in holdings.needed:
                raise BackupError(f"There is no database {name} to back up.")
            continue
        file = f"{name}.{copy.ending}"
        tables = copy.dump(into / file)
        databases[name] = {"kind": copy.kind, "file": file, "tables": {t: vars(told) for t, told in tables.items()}}
    for name, source in holdings.folders.items():
        for path in _files(source):
            _copy(path, into / name / path.relative_to(source))
    for name, path in holdings.files.items():
        if path.is_file():
            _copy(path, into / name)
    files = {str(path.relative_to(into)): _told(path) for path in _files(into)}
    return {"format": FORMAT, "made_at": now.isoformat(), "databases": databases, "files": files}


def _files(folder: Path) -> Iterator[Path]:
    """Every plain file below, in order; links lead out of a backup and are none."""
    if folder.is_dir():
        yield from sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def _copy(path: Path, target: Path) -> None:
    """A file that was removed in between (a resident was erased) is none any more."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(path, target)
    except FileNotFoundError:
        target.unlink(missing_ok=True)


def _told(path: Path) -> dict[str, Any]:
    seen = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(AT_A_TIME):
            seen.update(part)
    return {"size": path.stat().st_size, "sha256": seen.hexdigest()}


def _settle(folder: Path) -> None:
    """Only its owner may read it, and it is on the disk before it gets its name."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)
        _sync(path)


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


# --- bringing back -----------------------------------------------------------------------------------------------


def _parts(manifest: Mapping[str, Any], holdings: Holdings) -> list[str]:
    """Names of all that would be written over. Raises BackupError where the backup doesn't fit this installation."""
    for name, kept in manifest["databases"].items():
        if name not in holdings.databases:
            raise BackupError(f"The backup holds a database {name}, for which this installation has no place.")
        here = copies.of(holdings.databases[name]).kind
        if here != kept["kind"]:
            raise BackupError(f"The database {name} was backed up from {kept['kind']} and is {here} here.")
    return [*holdings.databases, *holdings.folders, *holdings.files]


def _holds_something(name: str, holdings: Holdings) -> bool:
    if name in holdings.databases:
        return copies.of(holdings.databases[name]).holds_rows()
    if name in holdings.folders:
        return next(_files(holdings.folders[name]), None) is not None
    return holdings.files[name].exists()


def _restore_folder(source: Path, target: Path) -> None:
    """The new folder is whole before the old one goes."""
    fresh, old = target.with_name(f".{target.name}.restored"), target.with_name(f".{target.name}.before")
    for left in (fresh, old):
        shutil.rmtree(left, ignore_errors=True)
    fresh.mkdir(parents=True)
    for path in _files(source):
        _copy(path, fresh / path.relative_to(source))
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _restore_file(source: Path, target: Path) -> None:
    if not source.is_file():
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}.restored")
    shutil.copyfile(source, fresh)
    os.replace(fresh, target)


def _differing(manifest: Mapping[str, Any], holdings: Holdings) -> Iterator[str]:
    """Looks at what lies there now, not at what was written."""
    for name, kept in manifest["databases"].items():
        now = copies.of(holdings.databases[name]).tables()
        for table, told in kept["tables"].items():
            if now.pop(table, None) != Table(**told):
                yield f"{name}: table {table}"
        yield from (f"{name}: table {table} is new" for table in now)
    for file, told in manifest["files"].items():
        first, _, rest = file.partition("/")
        path = holdings.folders[first] / rest if rest else holdings.files.get(file)
        if path is not None and (not path.is_file() or _told(path) != told):
            yield file


def _report(manifest: Mapping[str, Any]) -> Report:
    tables = {
        name: {table: told["rows"] for table, told in kept["tables"].items()}
        for name, kept in manifest["databases"].items()
    }
    sizes = [told["size"] for told in manifest["files"].values()]
    return Report(manifest["made_at"], tables, len(sizes), sum(sizes))
