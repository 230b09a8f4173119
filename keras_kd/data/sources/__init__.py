"""Where images come from, a kind of source a file."""
