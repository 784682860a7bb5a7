"""Whole lines without a browser: commands, processes that are killed, batches."""
