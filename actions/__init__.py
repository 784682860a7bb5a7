"""What the bot does: one conversation job a file, each action thin over the desk or the library."""
