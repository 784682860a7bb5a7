"""The part of Open311 that knows the desk: who may come in, and a filing as one commit."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from datetime import datetime

from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk
from cases.errors import Refused
from cases.filings import Filing, Filings
from channels import open311_form as form
from channels.api_keys import ApiKeys, Client
from channels.commits import Commits, SharedStore
from channels.open311_words import NotAccepted, Open311Words

CHANNEL = "open311"
REF = "filing"

Danger = Callable[[str], str | None]


def no_danger(_: str) -> None:
    """Where nobody listens for danger to life."""


class Interface:
    """The parts that the routes share: one desk, its writing thread, the keys and the wording."""

    def __init__(self, desk: Desk, keys: ApiKeys, changed: datetime, danger: Danger = no_danger) -> None:
        """`changed`: when the services last changed (aware). `danger` gives the code of a danger to life that words
        tell of. The desk's store must be a SharedStore, so that a filing is one commit."""
        assert isinstance(desk.store, SharedStore)
        self.desk, self.keys, self.changed, self._danger = desk, keys, changed, danger
        self.store: SharedStore = desk.store
        self.county: County = desk.county
        self.commits = Commits(desk.store)
        self.filings = Filings(desk.store)
        self.places = form.Places(self.county)
        self.words = Open311Words.load()

    @property
    def jurisdiction(self) -> str:
        """The county's statistical code: the six digits that the codes of its towns start with."""
        return self.county.towns[0].code[:6]

    def client_of(self, key: str | None, *, files: bool = False) -> Client:
        """Who asks. Raises NotAccepted."""
        if not key:
            raise NotAccepted("no_key")
        client = self.keys.client_of(key)
        if client is None:
            raise NotAccepted("bad_key")
        if files and client.scope != "file":
            raise NotAccepted("read_only")
        return client

    def check_jurisdiction(self, given: str | None) -> None:
        """Raises NotAccepted for another one than ours."""
        if given and given != self.jurisdiction:
            raise NotAccepted("jurisdiction", known=self.jurisdiction)

    def file(self, client: Client, given: form.Submission) -> Case:
        """What was said, and the case, in one commit; under the same key it is the same case. Raises NotAccepted."""
        conversation = f"{prefix(client)}{form.conversation_key(given.key) if given.key else uuid.uuid4().hex}"
        with self.store.whole():
            heard = self.desk.hear(conversation, CHANNEL, given.text, REF, language=given.language)
            if heard.message.text != given.text:
                raise NotAccepted("key_reused")
            try:
                case = self.desk.file(self._matter(conversation, given))
            except Refused as refused:
                raise NotAccepted("refused", reason=refused.code) from refused
            if case.category != given.category.code and heard.new is False and case.version == 1:
                raise NotAccepted("key_reused")
            if heard.new:
                self.desk.say(conversation, REF, ())
            return case

    def _matter(self, conversation: str, given: form.Submission) -> Matter:
        return Matter(
            conversation_id=conversation, filing_key=REF, kind="complaint", words=given.words,
            category=given.category.code, domain=given.category.domain,
            town=given.town, village=given.village, grid=given.grid, place_said=given.place_said,
            contact=given.contact, contact_withheld=given.contact is None, language=given.language,
            emergency=self._danger(given.words[0]),
        )  # fmt: skip

    def fetched(self, found: Sequence[Filing]) -> None:
        """What was said to these residents has reached the system that asks for them."""
        with self.store.whole():
            for message in self.filings.waiting([filing.case.conversation_id for filing in found]):
                self.desk.sent(message)


def prefix(client: Client) -> str:
    """What the ids of a client's conversations start with."""
    return f"{CHANNEL}:{client.name}:"
