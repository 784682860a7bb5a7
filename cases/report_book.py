"""A report as a workbook: a sheet per view, headings in both languages, the definitions on the last sheet."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any

import openpyxl
from openpyxl.cell import Cell as BookCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from cases.county import County
from cases.report_table import AMBER, RED, Figure, ReportWords, Row, rows
from cases.reports import Report

FORMATS = {"count": "0", "rate": "0.0%", "mean": "0.00"}
FILLS = {RED: PatternFill("solid", fgColor="F8D0CC"), AMBER: PatternFill("solid", fgColor="FFE9B8")}
BOLD, TOP = Font(bold=True), Alignment(wrap_text=True, vertical="top")
#: rows over the figures: the period, Chinese headings, English headings
HEAD = 3
NAME_WIDTH, FIGURE_WIDTH, MEANING_WIDTH = 30, 13, 70


def workbook(report: Report, county: County, period: str) -> bytes:
    """An xlsx file. `period`: daily, weekly or monthly."""
    words, book = ReportWords.load(), openpyxl.Workbook()
    book.remove(book.active)
    for view, name in words.views.items():
        sheet = book.create_sheet(f"{name['zh']} {name['en']}")
        _view(sheet, report, county, period, view, words)
    _definitions(book.create_sheet(_both(words, "definitions")), report, county, words)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def file_name(report: Report, county: County, period: str) -> str:
    """monthly-2026-10-01.xlsx."""
    return f"{period}-{report.start.astimezone(county.zone):%Y-%m-%d}.xlsx"


def _view(sheet: Any, report: Report, county: County, period: str, view: str, words: ReportWords) -> None:
    _put(sheet, 1, 1, _period_line(report, county, period, words)).font = BOLD
    for line, language in enumerate(("zh", "en"), 2):
        names = [words.word("name", language), words.word("code", language), *(f.name[language] for f in words.figures)]
        for column, name in enumerate(names, 1):
            _put(sheet, line, column, name).font = BOLD
            sheet.cell(line, column).alignment = TOP
    english = {row.code: row.name for row in rows(report, county, view, "en", words)}
    for line, row in enumerate(rows(report, county, view, "zh", words), HEAD + 1):
        _line(sheet, line, row, english[row.code])
    sheet.freeze_panes = sheet.cell(HEAD + 1, 3)
    sheet.column_dimensions["A"].width = NAME_WIDTH
    for column in range(2, len(words.figures) + 3):
        sheet.column_dimensions[get_column_letter(column)].width = FIGURE_WIDTH


def _line(sheet: Any, line: int, row: Row, english: str) -> None:
    _put(sheet, line, 1, row.name if row.name == english else f"{row.name} {english}")
    _put(sheet, line, 2, row.code or "")
    for column, cell in enumerate(row.cells, 3):
        written = sheet.cell(line, column, cell.value)
        written.number_format = FORMATS[cell.figure.kind]
        if cell.mark:
            written.fill = FILLS[cell.mark]
    if row.code is None:
        for column in range(1, len(row.cells) + 3):
            sheet.cell(line, column).font = BOLD


def _definitions(sheet: Any, report: Report, county: County, words: ReportWords) -> None:
    told: list[tuple[str, str, str]] = [("", rule["zh"], rule["en"]) for rule in words.rules]
    told += [(_name(figure), figure.means["zh"], figure.means["en"]) for figure in words.figures]
    told += [
        (_both(words, "from"), _moment(report.start, county), ""),
        (_both(words, "until"), _moment(report.end, county), ""),
        (_both(words, "inputs"), report.sha256, ""),
    ]
    head = (_both(words, "figure"), words.word("meaning", "zh"), words.word("meaning", "en"))
    for line, cells in enumerate([head, *told], 1):
        for column, text in enumerate(cells, 1):
            _put(sheet, line, column, text).alignment = TOP
            if line == 1:
                sheet.cell(line, column).font = BOLD
    sheet.freeze_panes = "A2"
    for letter, width in zip("ABC", (NAME_WIDTH, MEANING_WIDTH, MEANING_WIDTH), strict=True):
        sheet.column_dimensions[letter].width = width


def _put(sheet: Any, line: int, column: int, text: str) -> BookCell:
    """Text that no spreadsheet takes for a formula, whatever it begins with."""
    cell: BookCell = sheet.cell(line, column)
    cell.value = text
    cell.data_type = "s"
    return cell


def _period_line(report: Report, county: County, period: str, words: ReportWords) -> str:
    zh, en = (f"{words.periods[period][language]}" for language in ("zh", "en"))
    begins, ends = _moment(report.start, county), _moment(report.end, county)
    return f"{county.name['zh']} {words.title['zh']} · {zh} · {words.title['en']} · {en} · {begins} – {ends}"


def _moment(at: datetime, county: County) -> str:
    return at.astimezone(county.zone).strftime("%Y-%m-%d %H:%M")


def _both(words: ReportWords, code: str) -> str:
    return f"{words.word(code, 'zh')} {words.word(code, 'en')}"


def _name(figure: Figure) -> str:
    return f"{figure.name['zh']} {figure.name['en']}"
