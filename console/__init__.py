"""The staff web, a page per file: sign in, queue, case, conversations, figures; every form works without JavaScript."""
