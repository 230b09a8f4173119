"""A run of one recipe: the only place that knows the order of stages."""
