"""The page of a resident's export: the same as its JSON, for a person to read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import jinja2
import yaml

from cases.audit import utc


def page(told: Mapping[str, Any]) -> str:
    """HTML in the language of the conversation, without anything to fetch."""
    here = Path(__file__).parent
    words = yaml.safe_load((here / "export.yml").read_text(encoding="utf-8"))
    language = told["conversation"]["language"]
    labels = {code: text.get(language, text["zh"]) for code, text in words.items()}
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["moment"] = _moment
    return environment.get_template("export.html").render(**told, t=labels, language=language)


def _moment(at: datetime | None) -> str:
    return utc(at).strftime("%Y-%m-%d %H:%M UTC") if at else ""
