"""What the actions need beside a conversation."""
