"""The staff web: sign in, queue, case page, conversations, figures; a page per file, every form works without JavaScript."""
