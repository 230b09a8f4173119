"""A network made smaller by removing channels: labels travel as values, and what is removed is a set of labels."""
