"""The teacher as a table: what it says of every view of every image, on the disk."""
