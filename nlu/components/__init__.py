"""Rasa graph components: how a message becomes an intent, codes and the next action."""
