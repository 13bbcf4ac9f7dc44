"""The organizers' door: the Django admin."""
