"""Reads what GeoReport v2 servers answer, JSON or XML, in the shapes that real servers give them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

Row = dict[str, Any]
#: containers that servers put around the list that the standard asks for
WRAPPERS = ("service_requests", "requests", "request", "services", "service", "errors", "error", "service_definition")
#: the standard's own example writes codes as numbers with leading zeros, which is no JSON
LEADING_ZEROS = re.compile(r'("\w+"\s*:\s*)(0\d+)(?=\s*[,}\]])')


class Unreadable(ValueError):
    """The body is neither JSON nor XML of any known shape (an HTML page, say); the text says what it is."""


class _NoDoctype(ElementTree.TreeBuilder):
    """Refuses a document type: no answer needs entities, and entities can blow up."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise Unreadable(f"a document of type {name}")


def rows_of(text: str) -> list[Row]:
    """The objects of an answer: requests, services or errors, one or many, wrapped or not. Raises Unreadable."""
    return [row for row in _listed(_parsed(text)) if isinstance(row, dict)]


def errors_of(rows: list[Row]) -> str:
    """What a list of errors says, in one line; empty if these are no errors."""
    told = [f"{text(row.get('code')) or ''} {text(row.get('description')) or ''}".strip() for row in rows]
    return "; ".join(t for t, row in zip(told, rows, strict=True) if "description" in row and "code" in row and t)


def text(value: Any) -> str | None:
    """A value as text; numbers are taken as written, and empty, null and nested ones are none."""
    if value is None or isinstance(value, (dict, list, bool)):
        return None
    return str(value).strip() or None


def flag(value: Any) -> bool:
    """A yes or no, written in either format."""
    return value is True or str(value).strip().lower() in ("true", "1", "yes")


def attributes_of(row: Mapping[str, Any]) -> list[Row]:
    """The attributes of a service definition."""
    return _children(row.get("attributes"), "attribute")


def values_of(attribute: Mapping[str, Any]) -> set[str]:
    """The keys that a list attribute allows; empty if anything goes."""
    keys = (text(value.get("key")) for value in _children(attribute.get("values"), "value"))
    return {key for key in keys if key}


def _children(held: Any, name: str) -> list[Row]:
    if isinstance(held, dict):
        held = held.get(name)
    return [row for row in (held if isinstance(held, list) else [held]) if isinstance(row, dict)]


def _parsed(body: str) -> Any:
    body = body.strip()
    if not body:
        raise Unreadable("an empty answer")
    if body[0] != "<":
        return _json(body)
    if re.match(r"<(!doctype\s+html|html)\b", body, re.IGNORECASE):
        title = re.search(r"<title[^>]*>([^<]*)", body, re.IGNORECASE)
        raise Unreadable(f"an HTML page: {title.group(1).strip()}" if title else "an HTML page")
    try:
        root = ElementTree.fromstring(body, ElementTree.XMLParser(target=_NoDoctype()))
    except (ElementTree.ParseError, ValueError) as wrong:
        raise wrong if isinstance(wrong, Unreadable) else Unreadable(f"broken XML: {wrong}") from wrong
    return {_tag(root): _plain(root)}


def _json(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        try:
            return json.loads(LEADING_ZEROS.sub(r'\1"\2"', body))
        except (ValueError, RecursionError) as wrong:
            raise Unreadable(f"neither JSON nor XML: {body[:80]}") from wrong


def _plain(node: ElementTree.Element) -> Any:
    """An element as text, or as an object of its children; what comes several times becomes a list."""
    if not len(node):
        return node.text
    held: dict[str, Any] = {}
    for child in node:
        name, value = _tag(child), _plain(child)
        if name not in held:
            held[name] = value
        elif isinstance(held[name], list):
            held[name].append(value)
        else:
            held[name] = [held[name], value]
    return held


def _tag(node: ElementTree.Element) -> str:
    return node.tag.rpartition("}")[2]


def _listed(held: Any) -> list[Any]:
    """Peels the containers off."""
    while isinstance(held, dict):
        inner = next((name for name in WRAPPERS if isinstance(held.get(name), (dict, list))), None)
        if inner is None:
            empty = len(held) == 1 and next(iter(held)) in WRAPPERS
            return [] if empty else [held]
        held = held[inner]
    if not isinstance(held, list):
        raise Unreadable(f"neither a list nor an object: {str(held)[:80]}")
    return held
