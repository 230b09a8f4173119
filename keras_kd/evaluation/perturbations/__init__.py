"""Images changed after training, to see what a student keeps: corruptions, shifts, rotations."""
