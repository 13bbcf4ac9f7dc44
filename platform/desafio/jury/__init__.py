"""The judges' door: the ranking and its exports."""
