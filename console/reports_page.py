"""Assessment reports: the figures of a chosen period in every view, how they went lately, and the workbook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from cases.report_book import file_name, workbook
from cases.report_table import ReportWords, rows, written
from cases.stored_reports import PERIODS, first_day, last_over, next_first_day, report_of, span, stored_reports
from console.page import OVERSEERS, Page, page_of, signed_in
from console.trend import FRAME, TREND, lines, shares

router = APIRouter()
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
#: figures that stand large over the tables
LARGE = (*TREND, "first_dispatch", "prompt", "village_share", "town_share")
#: so many stored periods are drawn
PAST = 12


@dataclass(frozen=True)
class Asked:
    """Which report: a kind of period and its first day."""

    period: str
    first: date


# Computing a month takes seconds: a plain `def` runs beside the event loop, not in it.
@router.get("/reports", response_class=HTMLResponse)
def show(request: Request, period: str = "monthly", day: str = "", step: str = "") -> Response:
    """The page; `step` earlier or later goes to the period beside that of `day`."""
    who, pages = signed_in(request, *sorted(OVERSEERS)), page_of(request)
    asked, now, words = asked_for(pages, period, day, step), pages.desk.clock(), ReportWords.load()
    report = report_of(pages.desk.store, pages.county, asked.period, asked.first, now)
    past = stored_reports(pages.desk.store, asked.period, report.start, PAST)
    tables = [
        (view, names[who.language], rows(report, pages.county, view, who.language, words, page_only=True))
        for view, names in words.views.items()
    ]
    return pages.show(
        request,
        "reports.html",
        who=who,
        asked=asked,
        report=report,
        words=words,
        tables=tables,
        large=[cell for code in LARGE for cell in tables[0][2][0].cells if cell.figure.code == code],
        periods=PERIODS,
        running=report.end < span(pages.county, asked.period, asked.first)[1],
        newest=asked.first >= first_day(asked.period, today(pages)),
        lines=lines(past, words, who.language),
        past=[(day_of(pages, r.start), r.total) for r in past],
        shares=shares(report.total),
        frame=FRAME,
        written=written,
        has_unit=pages.county.has_unit,
    )


@router.get("/reports.xlsx")
def download(request: Request, period: str = "monthly", day: str = "") -> Response:
    """The same report as a workbook."""
    signed_in(request, *sorted(OVERSEERS))
    pages = page_of(request)
    asked = asked_for(pages, period, day)
    report = report_of(pages.desk.store, pages.county, asked.period, asked.first, pages.desk.clock())
    name = file_name(report, pages.county, asked.period)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(workbook(report, pages.county, asked.period), media_type=XLSX, headers=headers)


def asked_for(pages: Page, period: str, day: str, step: str = "") -> Asked:
    """What was asked for; the last whole period where that makes no sense or is not here yet."""
    kind = period if period in PERIODS else "monthly"
    try:
        first = first_day(kind, date.fromisoformat(day))
        if step == "later":
            first = next_first_day(kind, first)
        elif step == "earlier":
            first = first_day(kind, first - timedelta(days=1))
        known = span(pages.county, kind, first)[0] < pages.desk.clock()
    except (ValueError, OverflowError):
        known = False
    return Asked(kind, first if known else last_over(pages.county, kind, pages.desk.clock()))


def today(pages: Page) -> date:
    """The day it is in the county."""
    return day_of(pages, pages.desk.clock())


def day_of(pages: Page, at: datetime) -> date:
    """The county's day of a moment."""
    return at.astimezone(pages.county.zone).date()
