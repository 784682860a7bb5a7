"""Writes what Open311 answers with, the same content as JSON or as XML."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal
from xml.sax.saxutils import escape

from fastapi import Response

Format = Literal["json", "xml"]
#: a list is an element with this name around elements with that name
ITEM = {
    "services": "service",
    "attributes": "attribute",
    "values": "value",
    "service_requests": "request",
    "endpoints": "endpoint",
    "formats": "format",
    "errors": "error",
}
MEDIA_TYPES = {"json": "application/json; charset=utf-8", "xml": "text/xml; charset=utf-8"}
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def answer(form: str, root: str, content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """An answer in the format asked for. `root` names the outermost element, which JSON leaves out."""
    text = to_xml(root, content) if form == "xml" else to_json(content)
    return Response(
        text, status, {**HEADERS, **(headers or {})}, media_type=MEDIA_TYPES["xml" if form == "xml" else "json"]
    )


def to_json(content: Any) -> str:
    """As it stands, in UTF-8."""
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def to_xml(root: str, content: Any) -> str:
    """The content as one element; characters that XML can't hold are left out."""
    return DECLARATION + _element(root, content)


def _element(name: str, content: Any) -> str:
    if content is None or content == "" or content == []:
        return f"<{name}/>"
    return f"<{name}>{_inside(name, content)}</{name}>"


def _inside(name: str, content: Any) -> str:
    if isinstance(content, Mapping):
        return "".join(_element(key, value) for key, value in content.items())
    if isinstance(content, Sequence) and not isinstance(content, str):
        return "".join(_element(ITEM[name], item) for item in content)
    if isinstance(content, bool):
        return "true" if content else "false"
    return escape(NOT_XML.sub("", str(content)))
