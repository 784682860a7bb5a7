"""Tests of what brings the product to a new machine."""
