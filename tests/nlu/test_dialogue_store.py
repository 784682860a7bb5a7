"""What the bot remembers of a dialogue is sealed on the disk."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet, UserUttered

from cases import sealing
from cases.shield import Shield
from cases.store import Store
from nlu.dialogue_store import DialogueStore, dialogues

DOMAIN = Domain.load("domain.yml")
SAID = "我叫张伟，电话13812345678"


async def kept(url: str, shield: Shield) -> DialogueStore:
    """A store that holds one conversation."""
    store = DialogueStore(DOMAIN, url, shield=shield)
    tracker = await store.get_or_create_tracker("web:1")
    tracker.update_with_events([UserUttered(SAID, message_id="m1"), SlotSet("words", [SAID])], DOMAIN)
    await store.save(tracker)
    return store


async def test_no_byte_of_the_dialogue_tells_who_speaks(tmp_path: Path) -> None:
    await kept(f"sqlite:///{tmp_path / 'dialogue.db'}", Shield("key"))
    seen = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    for secret in ("13812345678", "张伟"):
        assert secret.encode() not in seen and json.dumps(secret)[1:-1].encode() not in seen


async def test_it_is_read_again_with_the_key_and_only_with_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'dialogue.db'}"
    await kept(url, Shield("key"))
    again = await DialogueStore(DOMAIN, url, shield=Shield("key")).retrieve("web:1")
    assert again is not None and again.get_slot("words") == [SAID]
    with pytest.raises(PermissionError):
        await DialogueStore(DOMAIN, url, shield=Shield("other")).retrieve("web:1")


async def test_a_dialogue_from_before_is_read_and_sealed_with_the_next_keys(tmp_path: Path) -> None:
    url, shield = f"sqlite:///{tmp_path / 'dialogue.db'}", Shield("key")
    store = await kept(url, shield)
    with store._engine.begin() as connection:
        state = connection.execute(sa.select(dialogues.c.state)).scalar_one()
        connection.execute(dialogues.update().values(state=shield.open(state)))
    again = await DialogueStore(DOMAIN, url, shield=shield).retrieve("web:1")
    assert again is not None and again.get_slot("words") == [SAID]
    assert sealing.count([Store(url)], shield)["dialogues.state"] == {-1: 1}
    assert sealing.reseal([Store(url)], shield) == 1
    assert sealing.count([Store(url)], shield)["dialogues.state"] == {0: 1}
