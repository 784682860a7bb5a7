"""What the bot may say, over the real statutes and guides."""
