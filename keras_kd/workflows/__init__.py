"""Whole pieces of work, each a chain of stages: a run, its seeds, a search, a study, the doctor."""
