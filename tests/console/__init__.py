"""The staff web over a real desk."""
