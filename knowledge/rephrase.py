"""An OpenAI-compatible model may put an answer in easier words; what it adds is dropped. Off unless set up."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from knowledge.check import numbers
from knowledge.library import read_yaml
from knowledge.words import search_words

log = logging.getLogger(__name__)

TIMEOUT = 6.0  # seconds; a resident waits no longer than that for nicer words
#: the share of a sentence's word pairs that must be in what it was made from, and how much longer it may be
SHARED_LEAST, LONGER = 0.6, 1.3
SENTENCE = re.compile(r"(?:[^。！？!?\n；;.]|\.(?!\s|$))+")
NAMED = re.compile(r"《[^》]*》|第[零一二三四五六七八九十百千\d]+条|https?://\S+|www\.\S+|[\w.]+@[\w.]+")
DIGITS = re.compile(r"\d+")
#: what turns a sentence round: as many of them must stand there as before
TURNS = re.compile(r"不|没|未|无|禁止|除外|不得|\bnot\b|\bno\b|\bnever\b|n't")


@dataclass(frozen=True)
class Endpoint:
    """Where the model answers: base URL as in OPENAI_BASE_URL, the model's name, a key if it wants one."""

    url: str
    model: str
    key: str = ""

    @classmethod
    def from_environment(cls) -> Endpoint | None:
        """MINHU_LLM_URL, MINHU_LLM_MODEL, MINHU_LLM_KEY; None, and so off, where no URL is set."""
        url = os.environ.get("MINHU_LLM_URL", "").rstrip("/")
        return (
            cls(url, os.environ.get("MINHU_LLM_MODEL", "default"), os.environ.get("MINHU_LLM_KEY", "")) if url else None
        )


async def rephrase(text: str, sources: Sequence[str], language: str, endpoint: Endpoint | None) -> str:
    """The text in other words, or as it is where the model is off, fails, is slow, or says anything of its own."""
    if endpoint is None or not text:
        return text
    try:
        told = await asked(text, language, endpoint)
    except (httpx.HTTPError, KeyError, IndexError, TypeError, ValueError) as wrong:
        log.warning("the model gave no answer that can be used: %s", type(wrong).__name__)
        return text
    if not faithful(told, text, sources):
        log.warning("the model added something of its own; the answer stays as it was")
        return text
    return told


async def asked(text: str, language: str, endpoint: Endpoint) -> str:
    """What the model says. Raises httpx.HTTPError, or KeyError and the like for an answer of another shape."""
    known = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    talk = [
        {"role": "system", "content": read_yaml("wording.yml")["rephrase_task"][language]},
        {"role": "user", "content": text},
    ]
    body = {"model": endpoint.model, "messages": talk, "temperature": 0}
    async with httpx.AsyncClient(timeout=TIMEOUT, trust_env=False) as client:
        answer = await client.post(f"{endpoint.url}/chat/completions", json=body, headers=known)
    answer.raise_for_status()
    told = answer.json()["choices"][0]["message"]["content"]
    if not isinstance(told, str):
        raise TypeError("no text")
    return told.strip()


def faithful(told: str, text: str, sources: Sequence[str]) -> bool:
    """Whether every sentence of `told` stands on the text and its sources, and no figure or negation is lost."""
    if not told or len(told) > LONGER * len(text):
        return False
    ground = "\n".join([text, *sources])
    if len(TURNS.findall(told)) != len(TURNS.findall(text)) or figures(text) != figures(told):
        return False
    return all(stands(sentence, ground) for sentence in SENTENCE.findall(told) if sentence.strip())


def figures(text: str) -> set[float | str]:
    """Every number in a text, in figures or in Chinese."""
    return {*numbers(text), *DIGITS.findall(text)}


def stands(sentence: str, ground: str) -> bool:
    """Whether a sentence names nothing that its ground doesn't, and shares most of its words with it."""
    if any(name not in ground for name in NAMED.findall(sentence)):
        return False
    words = set(search_words(sentence))
    return not words or len(words & set(search_words(ground))) >= SHARED_LEAST * len(words)
