"""Networks that were published as PyTorch checkpoints, read without PyTorch and carried over into those of the zoo."""
