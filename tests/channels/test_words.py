"""The channels' own wording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from channels import words as module
from channels.words import Words, known_language

CONTENT: dict[str, Any] = yaml.safe_load(Path(module.__file__).with_name("words.yml").read_text(encoding="utf-8"))


def texts(part: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(part, dict) and ("zh" in part or "en" in part):
        yield path, part
    elif isinstance(part, dict):
        for key, inner in part.items():
            yield from texts(inner, f"{path}.{key}")
    elif isinstance(part, list):
        for number, inner in enumerate(part):
            yield from texts(inner, f"{path}.{number}")


@pytest.mark.parametrize(("path", "text"), texts(CONTENT))
def test_every_text_is_there_in_both_languages_with_the_same_blanks(path: str, text: dict[str, Any]) -> None:
    assert set(text) == {"zh", "en"}
    blanks = [sorted(part.split("}")[0] for part in text[language].split("{")[1:]) for language in ("zh", "en")]
    assert text["zh"] and text["en"] and blanks[0] == blanks[1]


@pytest.mark.parametrize("code", CONTENT["stored_as"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_not_text_is_known_again_by_the_words_it_left(code: str, language: str) -> None:
    known = Words.load()
    left = known.stored_as(code, language, latitude=27.65, longitude=113.49, words="两行\n字")
    assert known.stands_for(left) == code
    assert code == "photo" or known.reply(code, language)
    assert known.stands_for("路灯不亮") is None


def test_an_unknown_language_is_answered_in_chinese() -> None:
    assert [known_language(given) for given in ("en", "zh", "fr", None, 3)] == ["en", "zh", "zh", "zh", "zh"]
