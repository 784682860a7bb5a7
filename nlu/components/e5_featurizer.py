"""Gives every message one dense sentence vector from the multilingual E5 model."""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, FEATURE_TYPE_SEQUENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.contacts import without_phones
from nlu.encoder import encode


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class E5Featurizer(DenseFeaturizer, GraphComponent):
    """Sentence embeddings, shape (1, 384), float32, unit length; the same vector stands in as the sequence feature.

    There is no token in this pipeline: the linear classifier reads the sentence feature only.
    """

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """See parent class."""
        return {**DenseFeaturizer.get_default_config(), "batch": 64}

    def __init__(self, config: dict[str, Any], name: str) -> None:
        """See parent class."""
        super().__init__(name, config)
        self._batch = int(config["batch"])

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> E5Featurizer:
        """See parent class."""
        return cls(config, execution_context.node_name)

    @staticmethod
    def validate_config(config: dict[str, Any]) -> None:
        """See parent class."""
        if int(config["batch"]) < 1:
            raise ValueError(f"E5Featurizer: batch must be at least 1, not {config['batch']}")

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds the features to messages that have text; others pass untouched."""
        spoken = [m for m in messages if m.get(TEXT)]
        for start in range(0, len(spoken), self._batch):
            part = spoken[start : start + self._batch]
            for message, vector in zip(part, encode([without_phones(m.get(TEXT)) for m in part]), strict=True):
                self._attach(message, vector[np.newaxis, :])
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """See parent class."""
        self.process(training_data.training_examples)
        return training_data

    def _attach(self, message: Message, matrix: np.ndarray) -> None:
        for kind in (FEATURE_TYPE_SEQUENCE, FEATURE_TYPE_SENTENCE):
            message.add_features(Features(matrix, kind, TEXT, self._identifier))
