"""Networks around networks: ensembles, calibrated, resized and softened teachers."""
