"""Training a student: the Distiller, terms and their schedules, checkpoints, callbacks. Knows no YAML."""
