"""Conversations with the trained bot through the web channel, grouped by what happens in them."""
