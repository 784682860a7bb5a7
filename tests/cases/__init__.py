"""The case system on real databases."""
