"""A resident for tests: writes into the chat over HTTP and remembers what came back."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from typing import Any

import httpx

NUMBER = re.compile(r"[A-Z]{2,4}\d{8}-\d{6}")


@dataclass(frozen=True)
class Heard:
    """The bot's answer to one message."""

    rows: list[dict[str, Any]]
    holder: str

    @property
    def text(self) -> str:
        """All bubbles, one under the other."""
        return "\n".join(row["text"] for row in self.rows)

    @property
    def buttons(self) -> dict[str, str]:
        """Title to payload of every button offered."""
        return {b["title"]: b["payload"] for row in self.rows for b in row["buttons"]}

    @property
    def sources(self) -> list[dict[str, Any]]:
        """What the answer stands on."""
        return [s for row in self.rows for s in row["sources"]]

    @property
    def number(self) -> str | None:
        """The case number, if one was told."""
        return self.numbers[0] if self.numbers else None

    @property
    def numbers(self) -> list[str]:
        """Every case number that was told, each once."""
        return list(dict.fromkeys(NUMBER.findall(self.text)))


class Resident:
    """One conversation with its own cookie."""

    def __init__(self, chat: str) -> None:
        """`chat`: address of the residents' page."""
        self._client = httpx.Client(base_url=chat, timeout=60, headers={"Accept": "application/json"})
        self.last = Heard([], "bot")

    def say(self, text: str, ref: str | None = None) -> Heard:
        """Writes a message; returns the bot's answer."""
        return self._post({"text": text, "ref": ref or uuid.uuid4().hex})

    def press(self, title: str) -> Heard:
        """Presses a button of the last answer."""
        return self._post({"text": title, "payload": self.last.buttons[title], "ref": uuid.uuid4().hex})

    def tell(self, *texts: str) -> Heard:
        """Several messages one after the other; returns the last answer."""
        for text in texts:
            self.say(text)
        return self.last

    def set(self, **settings: str) -> None:
        """Changes how the page is wanted: language, elders."""
        assert self._client.post("/settings", json=settings).status_code == 200

    def news(self, wait: int = 0) -> list[dict[str, Any]]:
        """Everything in the conversation so far."""
        return list(self._client.get("/messages", params={"after": 0, "wait": wait}).json()["messages"])

    def _post(self, body: dict[str, Any]) -> Heard:
        answer = self._client.post("/messages", json=body)
        assert answer.status_code == 200, answer.text
        told = answer.json()
        self.last = Heard(told["replies"], told["holder"])
        return self.last
