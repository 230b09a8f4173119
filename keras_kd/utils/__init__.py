"""Files, errors, words and processes: nothing here knows distillation."""
