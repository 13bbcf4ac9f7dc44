"""What those who run the platform ask it: whether it is well, and its figures. No person's work is here."""
