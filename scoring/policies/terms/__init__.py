"""What the policies share: how they read their parameters, and the values that they hand back."""
