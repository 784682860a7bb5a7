"""The channels over real HTTP, with a real store and a bot of a few lines in Rasa's place."""
