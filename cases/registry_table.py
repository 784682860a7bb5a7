"""The registry as a table that a clerk edits in a spreadsheet: CSV or xlsx, out and in again, all or nothing."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import openpyxl
import sqlalchemy as sa
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font
from sqlalchemy.engine import Connection

from cases import audit
from cases.errors import Refused
from cases.registry import Entry, Registry, entry_of, fields_of, folded, registry_entries
from cases.registry_form import FIELDS, NEEDED, PERSON, Fault, RegistryRefused, at_row, consent_faults, fault

CSV, XLSX = "csv", "xlsx"
DETAIL = "detail."
COLUMNS = (*(name for name in FIELDS if name != "detail"), "version")
#: columns that a table may have beside those; they are for persons and never leave by a table
OF_PERSONS = ("consent", "contact")
MOST_ROWS = 50_000
WIDTH = 18
AT_ONCE = 500
#: a cell that begins so is taken for a formula by a spreadsheet; it is written behind an apostrophe
FORMULA = ("=", "+", "-", "@", "\t")

Row = dict[str, str]


@dataclass(frozen=True)
class Counts:
    """What a table holds against the registry: rows new, changed and the same."""

    new: int
    changed: int
    same: int


@dataclass
class Plan:
    """What taking a table in would write: rows to add, values to change by entry, and everything that is wrong."""

    new: list[dict[str, Any]] = field(default_factory=list)
    changed: list[tuple[Entry, dict[str, Any]]] = field(default_factory=list)
    same: int = 0
    faults: list[Fault] = field(default_factory=list)

    @property
    def counts(self) -> Counts:
        """For a dry run and afterwards."""
        return Counts(len(self.new), len(self.changed), self.same)


# --- out -----------------------------------------------------------------------------------------------------------


def export(registry: Registry, form: str, *, kind: str | None = None, town: str | None = None) -> bytes:
    """Every entry in use but persons, one row each. `form`: csv or xlsx."""
    c = registry_entries.c
    query = sa.select(registry_entries).where(c.kind != PERSON, c.retired_at.is_(None)).order_by(c.kind, c.code)
    query = query.where(*(c[name] == code for name, code in {"kind": kind, "town": town}.items() if code))
    with registry.store.read() as read:
        rows = [_row_of(entry_of(row)) for row in read.execute(query).mappings()]
    details = sorted({name for row in rows for name in row if name.startswith(DETAIL)})
    columns = [*COLUMNS, *details]
    table = [columns, *([_guarded(row.get(name, "")) for name in columns] for row in rows)]
    return _to_xlsx(table) if form == XLSX else _to_csv(table)


def _row_of(entry: Entry) -> Row:
    values = {**fields_of(entry), "version": entry.version}
    detail = values.pop("detail")
    told = {name: "" if value is None else str(value) for name, value in values.items()}
    return told | {f"{DETAIL}{key}": value for key, value in detail.items()}


def _to_csv(table: Iterable[list[str]]) -> bytes:
    """UTF-8 with the mark that spreadsheets look for."""
    out = io.StringIO(newline="")
    csv.writer(out).writerows(table)
    return out.getvalue().encode("utf-8-sig")


def _to_xlsx(table: Iterable[list[str]]) -> bytes:
    """One sheet, the head bold and frozen."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.freeze_panes = "D2"
    head, *rows = table
    for number in range(1, len(head) + 1):
        sheet.column_dimensions[openpyxl.utils.get_column_letter(number)].width = WIDTH
    cells = [WriteOnlyCell(sheet, value=name) for name in head]
    for cell in cells:
        cell.font = Font(bold=True)
    sheet.append(cells)
    for row in rows:
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


# --- in ------------------------------------------------------------------------------------------------------------


def take_in(registry: Registry, content: bytes, *, by: str, dry_run: bool = False) -> Counts:
    """Adds the new rows of a table and changes the others; an empty cell empties a field, a column that is not there
    leaves it. Raises RegistryRefused with row and column of everything that is wrong, and then nothing has changed;
    Refused when somebody changed one of the entries meanwhile."""
    plan = _plan(registry, read(content), by)
    if plan.faults:
        raise RegistryRefused(plan.faults)
    if not dry_run and (plan.new or plan.changed):
        _carry_out(registry, plan, by, hashlib.sha256(content).hexdigest())
    return plan.counts


def read(content: bytes) -> list[Row]:
    """The rows of a CSV (UTF-8, or GB18030 as Chinese spreadsheets save it) or xlsx file, by column; an empty row is
    an empty dict. Raises RegistryRefused."""
    try:
        table = _from_xlsx(content) if content[:2] == b"PK" else _from_csv(content)
        head, *rows = [[text.strip() for text in row] for row in islice(table, MOST_ROWS + 2)] or [[]]
    except Exception as wrong:  # a broken file breaks the library in ways of its own
        raise RegistryRefused([fault("unread", "file")]) from wrong
    while head and not head[-1]:
        head.pop()
    found = _head_faults(head)
    if not found and len(rows) > MOST_ROWS:
        found.append(fault("too_many_rows", "file", most=MOST_ROWS))
    if not found and not any(map(any, rows)):
        found.append(fault("nothing", "file"))
    for number, row in enumerate(rows if not found else [], 2):
        found += at_row([fault("beyond", "file")], number) if any(row[len(head) :]) else []
    if found:
        raise RegistryRefused(found)
    return [dict(zip(head, map(_unguarded, row + [""] * len(head)), strict=False)) if any(row) else {} for row in rows]


def _head_faults(head: list[str]) -> list[Fault]:
    known = {*COLUMNS, *OF_PERSONS}
    found = [fault("no_column", name) for name in NEEDED if name not in head]
    found += [
        fault("unknown_column", name or "?")
        for name in dict.fromkeys(head)
        if name not in known and not (name.startswith(DETAIL) and name != DETAIL)
    ]
    return found + [fault("column_twice", name) for name in dict.fromkeys(head) if head.count(name) > 1]


def _from_csv(content: bytes) -> Iterator[list[str]]:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030")
    yield from csv.reader(io.StringIO(text, newline=""), strict=True)


def _from_xlsx(content: bytes) -> Iterator[list[str]]:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()  # what a file says of its own size may be wrong
    for row in sheet.iter_rows(values_only=True):
        yield [_text_of(cell) for cell in row]
    book.close()


def _text_of(cell: Any) -> str:
    """A cell as text; a date as its day, a whole number without a point."""
    if cell is None:
        return ""
    if hasattr(cell, "date"):
        return str(cell.date())
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def _guarded(text: str) -> str:
    """Text that no spreadsheet runs as a formula; a number below zero is none."""
    return f"'{text}" if text.startswith(FORMULA) and not _is_number(text) else text


def _unguarded(text: str) -> str:
    """The text behind the apostrophe."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text


def _is_number(text: str) -> bool:
    return text.lstrip("-").replace(".", "", 1).isdecimal()


# --- the plan ------------------------------------------------------------------------------------------------------


def _plan(registry: Registry, rows: Iterable[Row], by: str) -> Plan:
    plan, known = Plan(), _known(registry)
    first: dict[tuple[str, str], int] = {}
    for number, row in enumerate(rows, 2):
        if not row:
            continue
        try:
            key = _plan_row(registry, plan, known, row, by)
            if (before := first.setdefault(key, number)) != number:
                raise RegistryRefused([fault("twice", "code", first=before)])
        except RegistryRefused as refused:
            plan.faults += at_row(refused.faults, number)
    return plan


def _known(registry: Registry) -> dict[tuple[str, str], Any]:
    with registry.store.read() as look:
        rows = look.execute(sa.select(registry_entries)).mappings()
        return {(row["kind"], row["code"]): row for row in rows}


def _plan_row(registry: Registry, plan: Plan, known: Mapping[Any, Any], row: Row, by: str) -> tuple[str, str]:
    """Puts one row into the plan; returns its kind and code. Raises RegistryRefused."""
    kind, code = registry.form.kind_of(row["kind"]), row["code"]
    stands = known.get((kind, code))
    if kind == PERSON:
        _plan_person(registry, plan, stands, row, by)
        return kind, code
    if row.get("consent") or row.get("contact"):
        raise RegistryRefused([fault("consent_not_person", "consent" if row.get("consent") else "contact")])
    before = entry_of(stands) if stands is not None else None
    values = registry.form.values(_given(row, before))
    if before is None:
        plan.new.append(registry.new_row(values, by))
    elif before.retired_at is not None:
        raise RegistryRefused([fault("retired", "code")])
    elif values == fields_of(before):
        plan.same += 1
    elif (version := row.get("version", "")) and version != str(before.version):
        raise RegistryRefused([fault("stale", "version", value=version, now=before.version)])
    else:
        plan.changed.append((before, values))
    return kind, code


def _given(row: Row, before: Entry | None) -> dict[str, Any]:
    """The fields of a row over those of the entry as it stands."""
    fields = fields_of(before) if before else {}
    detail = dict(fields.get("detail") or {})
    detail |= {name.removeprefix(DETAIL): text for name, text in row.items() if name.startswith(DETAIL)}
    return {**fields, **{name: row[name] for name in FIELDS if name in row}, "detail": detail}


def _plan_person(registry: Registry, plan: Plan, stands: Any, row: Row, by: str) -> None:
    """A person comes in with their consent and is never changed by a table. Raises RegistryRefused."""
    if found := consent_faults(row.get("consent"), registry.today()):
        raise RegistryRefused(found)
    values = registry.form.values({name: row[name] for name in NEEDED})
    wanted = {"name": row["name"], "contact": row.get("contact") or None}
    if stands is None:
        plan.new.append(registry.person_row(values, row["name"], wanted["contact"], row["consent"], by))
    elif stands["sealed"] is None:
        raise RegistryRefused([fault("person_retired", "code")])
    elif json.loads(registry.shield.open(stands["sealed"]) or "{}") != wanted:
        raise RegistryRefused([fault("person_known", "name")])
    else:
        plan.same += 1


def _carry_out(registry: Registry, plan: Plan, by: str, digest: str) -> None:
    """One transaction. Raises Refused when an entry is no longer what the plan was made from."""
    at = registry.clock()
    with registry.store.write() as write:
        _still_as_planned(registry, write, plan)
        try:
            if plan.new:
                write.execute(registry_entries.insert(), plan.new)
        except sa.exc.IntegrityError:
            raise Refused("changed_meanwhile") from None
        if plan.changed:
            write.execute(_update(), [_parameters(entry, values, by, at) for entry, values in plan.changed])
        counts = plan.counts
        told = f"new {counts.new}, changed {counts.changed}, same {counts.same}, sha256 {digest}"
        audit.note(write, at, by, "registry_import", "registry", told)


def _still_as_planned(registry: Registry, write: Connection, plan: Plan) -> None:
    wanted = {entry.id: entry.version for entry, _ in plan.changed}
    ids, c = list(wanted), registry_entries.c
    for start in range(0, len(ids), AT_ONCE):
        query = sa.select(c.id, c.version).where(c.id.in_(ids[start : start + AT_ONCE])).order_by(c.id)
        for entry_id, version in write.execute(registry.store.lock_row(query)):
            if wanted[entry_id] != version:
                raise Refused("changed_meanwhile")


def _update() -> Any:
    written = (*FIELDS, "words", "version", "updated_at", "updated_by")
    set_to = {name: sa.bindparam(f"new_{name}", type_=registry_entries.c[name].type) for name in written}
    return registry_entries.update().where(registry_entries.c.id == sa.bindparam("entry")).values(**set_to)


def _parameters(entry: Entry, values: Mapping[str, Any], by: str, at: Any) -> dict[str, Any]:
    row = {**values, "words": folded(values), "version": entry.version + 1, "updated_at": at, "updated_by": by}
    return {"entry": entry.id, **{f"new_{name}": value for name, value in row.items()}}
