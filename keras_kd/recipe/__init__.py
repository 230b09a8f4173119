"""Recipes: the schema, loading with every error at once, the files of a run, citations."""
