"""Chooses the intent of a message by meaning and wording; what was taught word for word is certain."""

from __future__ import annotations

from typing import Any

import joblib
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.nlu.featurizers.featurizer import Featurizer
from rasa.shared.nlu.constants import INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.contacts import without_phones
from nlu.linear import Linear, Wording
from nlu.plain import plain


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class LinearClassifier(IntentClassifier, GraphComponent):
    """Multinomial logistic regression; outputs `intent` and `intent_ranking` with probabilities that sum to one."""

    @classmethod
    def required_components(cls) -> list[type]:
        """See parent class."""
        return [Featurizer]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """See parent class."""
        return {"C": 100.0, "ranking_length": 5}

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        """See parent class."""
        self._config = config
        self._storage = model_storage
        self._resource = resource
        self._model, self._wording = Linear(C=config["C"]), Wording()
        self._taught: dict[str, str] = {}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> LinearClassifier:
        """See parent class."""
        return cls(config, model_storage, resource)

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> LinearClassifier:
        """See parent class. A model that cannot be read stops the bot: it must not answer untaught."""
        component = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            component._model, component._wording, component._taught = joblib.load(folder / "linear.joblib")
        return component

    def train(self, training_data: TrainingData) -> Resource:
        """Fits the model on every example that has an intent and persists it."""
        examples = [m for m in training_data.intent_examples if m.get(TEXT)]
        matrix = np.vstack([self._vector(m) for m in examples])
        labels = [m.get(INTENT) for m in examples]
        texts = [without_phones(m.get(TEXT)) for m in examples]
        self._model.fit(matrix, labels, self._wording.fit(texts).of(texts))
        self._taught = {plain(m.get(TEXT)): label for m, label in zip(examples, labels, strict=True)}
        with self._storage.write_to(self._resource) as folder:
            joblib.dump((self._model, self._wording, self._taught), folder / "linear.joblib")
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets the intent of each message that has text."""
        for message in messages:
            if message.get(TEXT):
                ranking = self._rank(message)
                message.set(INTENT, ranking[0], add_to_output=True)
                message.set(INTENT_RANKING_KEY, ranking[: self._config["ranking_length"]], add_to_output=True)
        return messages

    def _rank(self, message: Message) -> list[dict[str, Any]]:
        wording = self._wording.of([without_phones(message.get(TEXT))])
        chances = self._model.chances(self._vector(message), wording)[0].tolist()
        order = sorted(zip(chances, self._model.classes, strict=True), reverse=True)
        ranking = [{"name": name, "confidence": chance} for chance, name in order]
        taught = self._taught.get(plain(message.get(TEXT)))
        if taught is not None and ranking[0]["name"] != taught:
            ranking = [r for r in ranking if r["name"] != taught]
            ranking.insert(0, {"name": taught, "confidence": 1.0})
        elif taught is not None:
            ranking[0]["confidence"] = 1.0
        return ranking

    @staticmethod
    def _vector(message: Message) -> np.ndarray:
        _, sentence = message.get_dense_features(TEXT)
        if sentence is None:
            raise ValueError("LinearClassifier needs a dense featurizer before it in config.yml")
        return np.asarray(sentence.features)
