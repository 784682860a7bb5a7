"""Measurements in one run, side by side with Rasa's defaults, as ratios."""
