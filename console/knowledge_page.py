"""What the bot says, in the hands of staff: the work list, the form, a second person's signature, the switches."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, Response

from cases.case import mask_words
from cases.county import County
from cases.desk import Desk, NotFound
from cases.redact import PUBLIC, redact_all
from console.page import Forbidden, Page, Who, back, form_of, page_of, signed_in
from knowledge import table
from knowledge.editing import Editor, EditRefused
from knowledge.form import FIELDS, flat, names
from knowledge.live import Live
from knowledge.shelf import Shelf, ShelfRefused

router = APIRouter(prefix="/knowledge")
EDITORS = ("operator", "leader", "administrator")
GROUPS_SHOWN, FOUND_SHOWN, LONGEST_FILE = 30, 8, 5_000_000
#: what a new answer needs at least; the rest of the form is folded away
FIRST = ("title_zh", "asked_zh", "short_zh", "steps_zh", "grounds", "source_title", "source_publisher", "source_date")
DATES = ("checked", "review", "source_date")
SHORT_LINES = frozenset({"title_zh", "title_en", "source_title", "source_publisher", *DATES})
FILES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Knowledge:
    """The editor of this console, opened at its first use: most pages need no library."""

    def __init__(self, desk: Desk, county: County, var: Path) -> None:
        self._desk, self._county, self._var = desk, county, var
        self._opening = threading.Lock()
        self._editor: Editor | None = None

    def editor(self) -> Editor:
        """The editor with the knowledge of this moment."""
        with self._opening:
            if self._editor is None:
                self._editor = Editor(Live(self._var, Shelf(self._desk.store), self._county.blanks))
        self._editor.live.look()
        return self._editor


async def opened(request: Request, *roles: str) -> tuple[Who, Page, Editor]:
    """Who asks, the page maker and the editor. Raises NotSignedIn or Forbidden."""
    who = signed_in(request, *(roles or EDITORS))
    return who, page_of(request), await run_in_threadpool(request.app.state.knowledge.editor)


@router.get("", response_class=HTMLResponse)
async def work_list(request: Request, search: str = "") -> Response:
    """Asked in vain, waiting for a signature, due for review, switched off; and any answer by search."""
    who, pages, editor = await opened(request)
    library = editor.live.library
    found = [one.guide for one in library.guides.find(search[:100], FOUND_SHOWN)] if search.strip() else []
    asked, due = await run_in_threadpool(editor.asked), await run_in_threadpool(editor.due)
    return pages.show(
        request, "knowledge.html", who=who, asked=asked[:GROUPS_SHOWN], more=len(asked) - GROUPS_SHOWN,
        waiting=editor.waiting(), due=due, off=editor.live.shelf.off(), found=found, search=search,
        count=len(library.guides.guides), title_of=library.title,
    )  # fmt: skip


@router.get("/edit", response_class=HTMLResponse)
async def edit(request: Request, code: str = "", questions: str = "", case: str = "") -> Response:
    """The form: of an answer in use, of a new one, of one that answers questions or that an adviser gave."""
    who, pages, editor = await opened(request)
    kind, fields, question = "regulation", dict.fromkeys(names("regulation"), ""), ""
    if code:
        try:
            kind, fields = editor.fields(code)
        except KeyError:
            return pages.show(request, "forbidden.html", http=404, who=who)
    elif questions:
        told = [one.text for one in editor.live.shelf.open_questions() if one.id in numbers_of(questions)]
        question, fields["asked_zh"] = (told or [""])[-1], "\n".join(dict.fromkeys(told[:-1]))
    elif case:
        fields |= of_case(pages.desk, case)
    return form(
        request, who, pages, editor, kind=kind, fields=fields, code=code, question=question, questions=questions
    )


def form(
    request: Request, who: Who, pages: Page, editor: Editor, *, kind: str, fields: dict[str, str], code: str,
    question: str, questions: str, faults: tuple[str, ...] = (),
) -> HTMLResponse:  # fmt: skip
    """The form with what is in it and what is wrong with it."""
    known = names(kind)
    first = [name for name in FIRST if name in known] if kind == "regulation" and not code else known
    return pages.show(
        request, "knowledge_edit.html", http=422 if faults else 200, who=who, kind=kind, fields=fields, code=code,
        question=question, questions=questions, faults=faults, first=first, dates=DATES,
        rest=[name for name in known if name not in first], short_lines=SHORT_LINES,
        history=editor.live.shelf.history(code) if code else [], off=code in editor.live.shelf.off(),
    )  # fmt: skip


@router.post("/edit")
async def propose(request: Request) -> Response:
    """Puts a text up for a second person; with anything wrong, the form comes back as it was filled in."""
    who, pages, editor = await opened(request)
    given = await form_of(request)
    kind, code, question = given.get("kind", ""), given.get("code", ""), given.get("question", "")
    if kind not in FIELDS:
        raise Forbidden
    fields = {name: given.get(name, "").replace("\r\n", "\n") for name in names(kind)}
    settles = numbers_of(given.get("questions", ""))
    try:
        await run_in_threadpool(editor.propose, fields, kind, code or None, question, who.login, settles)
    except EditRefused as refused:
        faults = told(pages, who, refused)
        return form(
            request, who, pages, editor, kind=kind, fields=fields, code=code, question=question,
            questions=given.get("questions", ""), faults=faults,
        )  # fmt: skip
    return back(request, "/knowledge", "done_propose")


@router.get("/texts/{number}", response_class=HTMLResponse)
async def one_text(request: Request, number: int) -> Response:
    """A text that waits, beside the answer in use."""
    who, pages, editor = await opened(request)
    try:
        return read_text(request, who, pages, editor, number)
    except ShelfRefused:
        return pages.show(request, "forbidden.html", http=404, who=who)


def read_text(
    request: Request, who: Who, pages: Page, editor: Editor, number: int, faults: tuple[str, ...] = ()
) -> HTMLResponse:
    """The page of a text, with what is wrong with it. Raises ShelfRefused."""
    text = editor.live.shelf.text(number)
    fields = flat(text.body, text.kind)
    in_use = editor.live.library.guide(text.code)
    before = editor.fields(text.code)[1] if in_use else {}
    return pages.show(
        request, "knowledge_text.html", http=422 if faults else 200, who=who, text=text, fields=fields, before=before,
        faults=faults, history=editor.live.shelf.history(text.code),
    )  # fmt: skip


@router.post("/texts/{number}/sign")
async def sign(request: Request, number: int) -> Response:
    """A second person's signature: the text is live when this returns."""
    who, pages, editor = await opened(request)
    await form_of(request)
    try:
        await run_in_threadpool(editor.sign, number, who.login)
    except EditRefused as refused:
        return read_text(request, who, pages, editor, number, told(pages, who, refused))
    except ShelfRefused as refused:
        return back(request, f"/knowledge/texts/{number}", f"refused_{refused.code}")
    return back(request, "/knowledge", "done_sign")


@router.post("/texts/{number}/refuse")
async def refuse(request: Request, number: int) -> Response:
    """Back to its author, with a reason."""
    who, _, editor = await opened(request)
    given = await form_of(request)
    try:
        editor.live.shelf.refuse(number, who.login, given.get("reason", ""))
    except ShelfRefused as refused:
        return back(request, f"/knowledge/texts/{number}", f"refused_{refused.code}")
    return back(request, "/knowledge", "done_refuse_text")


@router.post("/switch")
async def switch(request: Request) -> Response:
    """A topic off or on, or the county's own text away; the bot follows within seconds."""
    who, pages, editor = await opened(request)
    given = await form_of(request)
    code, what = given.get("code", ""), given.get("what", "")
    if editor.live.library.guide(code) is None or what not in ("off", "on", "retire"):
        return pages.show(request, "forbidden.html", http=404, who=who)
    try:
        if what == "retire":
            editor.live.shelf.retire(code, who.login, given.get("reason", ""))
        else:
            editor.live.shelf.switch(code, what == "off", who.login, given.get("reason", ""))
    except ShelfRefused as refused:
        return back(request, f"/knowledge/edit?code={code}", f"refused_{refused.code}")
    return back(request, "/knowledge", f"done_{what}")


@router.post("/settle")
async def settle(request: Request) -> Response:
    """Takes questions off the list that need no answer."""
    who, _, editor = await opened(request)
    given = await form_of(request)
    editor.live.shelf.settle(numbers_of(given.get("questions", "")), who.login)
    return back(request, "/knowledge", "done_settle")


@router.get("/table.{ending}")
async def download(request: Request, ending: str) -> Response:
    """All answers as a table."""
    who, pages, editor = await opened(request)
    if ending not in FILES:
        return pages.show(request, "forbidden.html", http=404, who=who)
    content = await run_in_threadpool(table.export, editor, ending)
    name = {"Content-Disposition": f'attachment; filename="minhu-knowledge.{ending}"'}
    return Response(content, media_type=FILES[ending], headers=name)


@router.post("/table")
async def upload(request: Request) -> Response:
    """Takes a table in; with any row wrong, nothing of it."""
    who, pages, editor = await opened(request)
    await form_of(request)
    file = (await request.form()).get("file")
    content = await file.read(LONGEST_FILE + 1) if file is not None and not isinstance(file, str) else b""
    if not 0 < len(content) <= LONGEST_FILE:
        return back(request, "/knowledge", "refused_file")
    try:
        rows = await run_in_threadpool(table.read, content)
        taken = await run_in_threadpool(table.take_in, editor, rows, who.login)
    except EditRefused as refused:
        return pages.show(request, "knowledge_faults.html", http=422, who=who, faults=told(pages, who, refused))
    return back(request, "/knowledge", "done_table" if taken else "done_table_same")


def told(pages: Page, who: Who, refused: EditRefused) -> tuple[str, ...]:
    """Faults in the reader's words; the names of fields are the form's."""
    sentences = []
    for found in refused.faults:
        blanks: dict[str, Any] = dict(found.blanks)
        if "field" in blanks:
            blanks["field"] = pages.word(f"field_{blanks['field']}", who.language)
        sentences.append(type(found)(found.code, blanks).told(who.language))
    return tuple(dict.fromkeys(sentences))


def of_case(desk: Desk, number: str) -> dict[str, str]:
    """What an adviser answered, without numbers that point to anybody; the clerk takes out the names."""
    try:
        case = desk.case(number)
    except NotFound:
        return {}
    answer = next((event.note for event in desk.timeline(case.id)[::-1] if event.move == "answer" and event.note), "")
    first, _, rest = mask_words(answer).partition("。")
    return {
        "asked_zh": "\n".join(redact_all(case.words, PUBLIC)),
        "short_zh": first + "。" if rest else first,
        "steps_zh": "\n".join(part + "。" for part in rest.split("。") if part.strip()),
    }


def numbers_of(text: str) -> list[int]:
    """1,2,3 → [1, 2, 3]; anything else is left out."""
    return [int(part) for part in text.split(",") if part.strip().isdigit()]
