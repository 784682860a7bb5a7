"""Photos that residents sent, for the staff who work on their matter."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import FileResponse, Response

from console.page import OVERSEERS, Page, Who, page_of, signed_in

router = APIRouter()


@router.get("/photo")
async def photo(request: Request, conversation: str, key: str) -> Response:
    """One photo of a conversation; there is none for whoever has no case in it."""
    who, pages = signed_in(request), page_of(request)
    found = pages.attachments.find(key, conversation) if may_see(pages, who, conversation) else None
    if found is None:
        return pages.show(request, "forbidden.html", http=404, who=who)
    return FileResponse(found.path, media_type=found.kind)


def may_see(pages: Page, who: Who, conversation: str) -> bool:
    """The desk sees every photo; a unit or an adviser those of the matters they have in hand."""
    if who.role in OVERSEERS:
        return True
    cases = pages.desk.cases_of(conversation)
    return any((who.role == "unit" and c.unit == who.unit) or c.adviser == who.login for c in cases)


def photos_of(pages: Page, conversation: str) -> list[str]:
    """Keys of all photos in a conversation, oldest first."""
    return [key for message in pages.desk.transcript(conversation) for key in message.attachments]
