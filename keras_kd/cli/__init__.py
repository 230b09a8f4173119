"""The command line: a command reads its arguments, calls one function and prints."""
