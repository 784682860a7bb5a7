"""Tells Chinese, English and other languages apart, by script first and by langdetect only where it helps."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from langdetect import LangDetectException
from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory

HAN = re.compile(r"[\u3400-\u9fff]")
LATIN = re.compile(r"[a-z]", re.IGNORECASE)
SCRIPTS = {
    "ja": re.compile(r"[\u3040-\u30ff]"),
    "ko": re.compile(r"[\uac00-\ud7af]"),
    "ru": re.compile(r"[\u0400-\u04ff]"),
    "ar": re.compile(r"[\u0600-\u06ff]"),
    "th": re.compile(r"[\u0e00-\u0e7f]"),
    "hi": re.compile(r"[\u0900-\u097f]"),
    "vi": re.compile(r"[ăđơưạảấầẩẫậắằẳẵặẹẻẽếềểễệỉịọỏốồổỗộớờởỡợụủứừửữựỳỵỷỹ]", re.IGNORECASE),
}
WORDS_FOR_LANGDETECT = 6
#: what langdetect is asked to choose from: the languages in Latin script, an eighth of its memory
LATIN_LANGUAGES = (
    "af", "ca", "cs", "cy", "da", "de", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "lt", "lv", "nl", "no",
    "pl", "pt", "ro", "sk", "sl", "so", "sq", "sv", "sw", "tl", "tr", "vi",
)  # fmt: skip
SURE = 0.95
ENGLISH = re.compile(
    r"\b(the|is|are|my|i|you|what|how|where|please|not|no|yes|to|of|in|a|and|for|have|has|help|want|need|it|this|can|do|"
    r"ok|hi|hello|thanks|thank|person|english|speak|talk|report|problem|case|cancel|submit|room|building|floor|street|road|"
    r"village|town|community|near|opposite|since|yesterday|today|water|power|at|on|from|with|was|were|be|it's|i'm)\b",
    re.IGNORECASE,
)


def language(text: str) -> str:
    """zh, en, or the code of another language; what can't be told is zh."""
    for code, script in SCRIPTS.items():
        if len(script.findall(text)) >= (1 if code == "vi" else 2):
            return code
    han, latin = len(HAN.findall(text)), len(LATIN.findall(text))
    if han * 2 >= latin or latin < 2:
        return "zh"
    if han:
        return "zh" if han >= 2 else "en"
    words = re.findall(r"[a-zà-ÿ']+", text.lower())
    if len(words) < WORDS_FOR_LANGDETECT or len(ENGLISH.findall(text)) * 4 >= len(words):
        return "en"
    return _detected(text)


def _detected(text: str) -> str:
    detector = _factory().create()
    detector.append(text)
    try:
        best = detector.get_probabilities()[0]
    except (LangDetectException, IndexError):
        return "en"
    return str(best.lang) if best.prob >= SURE else "en"


@lru_cache(maxsize=1)
def _factory() -> DetectorFactory:
    factory = DetectorFactory()
    factory.seed = 0  # it draws at random; a message must be read alike every time
    factory.load_json_profile(
        [(Path(PROFILES_DIRECTORY) / name).read_text(encoding="utf-8") for name in LATIN_LANGUAGES]
    )
    return factory
