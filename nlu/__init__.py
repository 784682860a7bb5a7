"""How the bot understands: words in, codes out."""
