"""A study: many recipes, run and compared."""
