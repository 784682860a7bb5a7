"""What `nlu/engine.py` relies on in Rasa, and what it changes: a failure means that Rasa has changed underneath."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
import rasa
from rasa.core.actions.action import RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import CollectingOutputChannel, UserMessage
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.core.processor import MessageProcessor
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa_sdk import Action
from rasa_sdk.executor import ActionExecutor

from nlu.dialogue_store import DialogueStore
from nlu.engine import ActionFailed, Bot, LocalAction, Turns

DOMAIN = Domain.load("domain.yml")


class _Speaks(Action):
    """Answers with a response and a slot."""

    def name(self) -> str:
        return "action_speaks"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        dispatcher.utter_message(text=f"heard {tracker.latest_message['text']}")
        return [SlotSet("asked", tracker.slots["job"] or "nothing").as_dict()]


class _Fails(Action):
    """Raises."""

    def name(self) -> str:
        return "action_fails"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        raise ZeroDivisionError


class _Garbles(Action):
    """Answers out of schema."""

    def name(self) -> str:
        return "action_garbles"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        return [{"event": "slot", "no_name": 1}]


@pytest.fixture
def executor() -> ActionExecutor:
    made = ActionExecutor()
    for action in (_Speaks(), _Fails(), _Garbles()):
        made.register_action(action)
    return made


def tracker(text: str = "hello") -> DialogueStateTracker:
    made = DialogueStateTracker("web:1", DOMAIN.slots)
    made.update_with_events([ActionExecuted("action_listen"), UserUttered(text, {"name": "ask"})], DOMAIN)
    made.latest_message.parse_data["text"] = text
    return made


async def run(action: LocalAction) -> list[Any]:
    nlg = TemplatedNaturalLanguageGenerator({})
    return await action.run(CollectingOutputChannel(), nlg, tracker(), DOMAIN)


async def test_a_local_action_says_and_sets_what_it_would_over_http(executor: ActionExecutor) -> None:
    said, slot = await run(LocalAction("action_speaks", executor))
    assert isinstance(said, BotUttered) and said.text == "heard hello"
    assert isinstance(slot, SlotSet) and (slot.key, slot.value) == ("asked", "nothing")


@pytest.mark.parametrize("name", ["action_fails", "action_garbles"])
async def test_a_failing_action_is_a_failure_and_not_silence(executor: ActionExecutor, name: str) -> None:
    with pytest.raises(ActionFailed, match=name):
        await run(LocalAction(name, executor))


class _Oversteps(Action):
    """Sets a slot that the domain doesn't have."""

    def name(self) -> str:
        return "action_oversteps"

    async def run(self, dispatcher: Any, tracker: Any, domain: Any) -> list[dict[str, Any]]:
        return [SlotSet("elsewhere", 1).as_dict()]


async def test_an_action_sets_slots_of_the_domain_and_no_others(executor: ActionExecutor) -> None:
    executor.register_action(_Oversteps())
    with pytest.raises(ActionFailed, match="action_oversteps"):
        await run(LocalAction("action_oversteps", executor))


def test_rasa_is_the_version_whose_methods_we_extend() -> None:
    assert rasa.__version__ == "3.6.21"
    ours = {Turns: MessageProcessor, Bot: Agent, LocalAction: RemoteAction}
    extended = {
        Turns: ["handle_message", "predict_next_with_tracker_if_should", "_get_action", "_run_action"],
        Bot: ["load_model", "_create_tracker_store"],
        LocalAction: ["run"],
    }
    for child, parent in ours.items():
        for name in extended[child]:
            mine, rasas = inspect.signature(getattr(child, name)), inspect.signature(getattr(parent, name))
            assert list(mine.parameters) == list(rasas.parameters), f"{child.__name__}.{name}"


def test_the_parts_of_a_turn_that_we_rely_on_are_still_called() -> None:
    turn = inspect.getsource(MessageProcessor.handle_message)
    for step in ("log_message", "run_action_extract_slots", "_run_prediction_loop", "save_tracker"):
        assert step in turn
    loop = inspect.getsource(MessageProcessor._run_prediction_loop)
    assert "predict_next_with_tracker_if_should" in loop and "_run_action" in loop


def test_a_bot_without_a_durable_store_is_refused() -> None:
    with pytest.raises(ValueError, match="durable"):
        Bot(executor=ActionExecutor())


async def test_working_memory_survives_a_restart_and_stays_small(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'dialogue.db'}"
    kept = await DialogueStore(DOMAIN, url).get_or_create_tracker("web:1")
    kept.update_with_events([SlotSet("words", ["路灯坏了"]), SlotSet("asked", "where")], DOMAIN)
    for turn in range(50):
        kept.update_with_events(
            [UserUttered(f"turn {turn}", message_id=str(turn)), BotUttered("?"), ActionExecuted("action_listen")],
            DOMAIN,
        )
    store = DialogueStore(DOMAIN, url)
    await store.save(kept)
    again = await DialogueStore(DOMAIN, url).retrieve("web:1")
    assert again is not None and again.get_slot("words") == ["路灯坏了"] and again.get_slot("asked") == "where"
    turns = [e for e in again.events if isinstance(e, UserUttered)]
    assert len(turns) == 1 and turns[-1].message_id == "49"
    assert again.latest_action_name == "action_listen"


async def test_a_store_that_cannot_write_refuses_aloud(tmp_path: Path) -> None:
    store = DialogueStore(DOMAIN, f"sqlite:///{tmp_path / 'dialogue.db'}")
    kept = await store.get_or_create_tracker("web:1")
    store._engine.dispose()
    (tmp_path / "dialogue.db").unlink()
    (tmp_path / "dialogue.db").mkdir()
    with pytest.raises(Exception, match="unable to open"):
        await store.save(kept)


async def test_a_message_whose_turn_was_saved_gets_the_same_words_and_no_second_turn(tmp_path: Path) -> None:
    store = DialogueStore(DOMAIN, f"sqlite:///{tmp_path / 'dialogue.db'}")
    kept = await store.get_or_create_tracker("web:1")
    kept.update_with_events([UserUttered("yes", message_id="m1"), BotUttered("number 1"), BotUttered("bye")], DOMAIN)
    await store.save(kept)
    turns = Turns.__new__(Turns)
    turns.tracker_store, heard = store, CollectingOutputChannel()
    await turns.handle_message(UserMessage("yes", heard, "web:1", message_id="m1"))
    assert [m["text"] for m in heard.messages] == ["number 1", "bye"]
