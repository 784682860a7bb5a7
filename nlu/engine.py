"""Runs Rasa the way a busy hotline needs it: actions in this process, failures that speak, and no turn done twice.

Everything here is a subclass of one of Rasa's own classes; `tests/nlu/test_engine.py` fails when Rasa changes one.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

from rasa.core.actions.action import Action, RemoteAction
from rasa.core.agent import Agent
from rasa.core.channels.channel import OutputChannel, UserMessage
from rasa.core.nlg import NaturalLanguageGenerator
from rasa.core.policies.policy import PolicyPrediction
from rasa.core.processor import MessageProcessor
from rasa.core.tracker_store import TrackerStore
from rasa.engine import loader
from rasa.engine.runner.interface import GraphRunner
from rasa.engine.storage.local_model_storage import LocalModelStorage
from rasa.engine.storage.storage import ModelMetadata
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered, Event, SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher
from rasa_sdk.interfaces import Tracker

from nlu.contacts import without_phones
from nlu.encoder import encode
from nlu.matters import looked_at
from nlu.runner import InOrder

log = logging.getLogger("minhu.bot")


class ActionFailed(Exception):
    """An action raised; the turn is undone and whoever called must tell the resident."""


class LocalAction(RemoteAction):
    """A custom action run in this process by rasa_sdk's executor instead of over HTTP by an action server.

    The action gets slots, the latest message and the sender; never the whole history, which grows for ever. It may set
    slots of the domain and nothing else, which is quicker to check, and stricter, than the parent's JSON schema.
    """

    def __init__(self, name: str, executor: ActionExecutor) -> None:
        """`executor` has every action registered under its name."""
        super().__init__(name, None)
        self._executor = executor

    async def run(
        self,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        tracker: DialogueStateTracker,
        domain: Domain,
    ) -> list[Event]:
        """Raises ActionFailed with the cause when the action does, or when its answer can't be made Rasa's events."""
        dispatcher = CollectingDispatcher()
        try:
            run = self._executor.actions[self.name()]
            made = await run(dispatcher, self._view(tracker), {})
            known = {slot.name for slot in domain.slots}
            if any(event.get("event") != "slot" or event.get("name") not in known for event in made or ()):
                raise ValueError(f"actions set slots of the domain and do nothing else: {made}")
            events = [SlotSet(event["name"], event.get("value")) for event in made or ()]
        except Exception as cause:
            raise ActionFailed(self.name()) from cause
        said = await self._utter_responses(dispatcher.messages, output_channel, nlg, tracker)
        return [*said, *events]

    @staticmethod
    def _view(tracker: DialogueStateTracker) -> Tracker:
        latest = tracker.latest_message
        message = {} if latest is None else {**(latest.parse_data or {}), "metadata": latest.metadata}
        return Tracker(
            tracker.sender_id,
            tracker.current_slot_values(),
            message,
            [],
            tracker.is_paused(),
            tracker.followup_action,
            tracker.active_loop.__dict__ if tracker.active_loop else {},
            tracker.latest_action_name,
        )


class Turns(MessageProcessor):
    """One message in, the bot's words out; either the whole turn is kept or none of it."""

    def __init__(self, *args: Any, executor: ActionExecutor, **kwargs: Any) -> None:
        """See parent class; `executor` runs the custom actions."""
        super().__init__(*args, **kwargs)
        self._local = {name: LocalAction(name, executor) for name in executor.actions}

    @staticmethod
    def _load_model(model_path: str | Path) -> tuple[str, ModelMetadata, GraphRunner]:
        with tempfile.TemporaryDirectory() as apart:
            model = Path(model_path)
            return model.name, *loader.load_predict_graph_runner(Path(apart), model, LocalModelStorage, InOrder)

    async def run_anonymization_pipeline(self, tracker: DialogueStateTracker) -> None:
        """See parent class: there is none, and looking for it at every turn takes longer than one would think."""

    async def handle_message(self, message: UserMessage) -> list[dict[str, Any]] | None:
        """See parent class. A message whose turn was already saved (same id) gets the same words again."""
        tracker = await self.tracker_store.retrieve(message.sender_id)
        if tracker is not None and await self._said_before(tracker, message):
            return None
        if message.text:  # the vectors are made beside what else is going on, and are at hand when the pipeline asks
            texts = [without_phones(message.text), *looked_at(message.text)]
            await asyncio.get_running_loop().run_in_executor(None, encode, texts)
        try:
            return await super().handle_message(message)
        except BaseException:
            self.tracker_store.forget(message.sender_id)
            raise

    async def _said_before(self, tracker: DialogueStateTracker, message: UserMessage) -> bool:
        words: list[Event] = []
        for event in reversed(tracker.events):
            if isinstance(event, BotUttered):
                words.append(event)
            elif isinstance(event, UserUttered):
                if event.message_id != message.message_id:
                    return False
                await self._send_bot_messages(words[::-1], tracker, message.output_channel)
                return True
        return False

    def predict_next_with_tracker_if_should(self, tracker: DialogueStateTracker) -> tuple[Action, PolicyPrediction]:
        """See parent class; custom actions are swapped for their local twins."""
        action, prediction = super().predict_next_with_tracker_if_should(tracker)
        return self._local.get(action.name(), action), prediction

    def _get_action(self, action_name: str) -> Action | None:
        return self._local.get(action_name) or super()._get_action(action_name)

    async def _run_action(
        self,
        action: Action,
        tracker: DialogueStateTracker,
        output_channel: OutputChannel,
        nlg: NaturalLanguageGenerator,
        prediction: PolicyPrediction,
    ) -> bool:
        """Like the parent's, but a failure ends the turn instead of being logged and forgotten, and the tracker isn't
        replayed into a copy first: no action of ours changes the tracker it is given."""
        tracker.update_with_events(prediction.events, self.domain)
        events = await action.run(output_channel, nlg, tracker, self.domain)
        tracker.update(action.event_for_successful_execution(prediction))
        tracker.update_with_events(events, self.domain)
        await self.execute_side_effects(events, tracker, output_channel)
        return self.should_predict_another_action(action.name())


class Bot(Agent):
    """Rasa's agent over our turns and a tracker store that is allowed to fail aloud."""

    def __init__(self, *args: Any, executor: ActionExecutor, **kwargs: Any) -> None:
        """See parent class; `executor` runs the custom actions."""
        self._executor = executor
        super().__init__(*args, **kwargs)

    def load_model(self, model_path: str | Path, fingerprint: str | None = None) -> None:
        """See parent class."""
        self.processor = Turns(
            model_path=model_path,
            tracker_store=self.tracker_store,
            lock_store=self.lock_store,
            generator=self.nlg,
            executor=self._executor,
        )
        self.domain = self.processor.domain
        self._set_fingerprint(fingerprint)
        self.tracker_store.domain = self.domain
        self.nlg.responses = self.domain.responses if self.domain else {}

    @staticmethod
    def _create_tracker_store(store: TrackerStore | None, domain: Domain | None) -> TrackerStore:
        if store is None:
            raise ValueError("the bot needs a durable tracker store: see endpoints.yml")
        store.domain = domain
        return store


def load_bot(model: Path, store: TrackerStore, actions: str = "actions") -> Bot:
    """The trained bot, ready for messages. `actions`: the package whose Action subclasses are registered."""
    executor = ActionExecutor()
    executor.register_package(actions)
    bot = Bot(tracker_store=store, executor=executor)
    bot.load_model(model)
    encode(["你好"])
    settle_memory()
    settle_threads()
    return bot


def settle_memory() -> None:
    """What is loaded now stays for good: take it out of the garbage collector's rounds and make these rarer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def settle_threads() -> None:
    """The threads that write and encode are let in soon: each has little to do between its waits."""
    sys.setswitchinterval(0.001)
