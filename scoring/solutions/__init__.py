"""What a contestant may hand in, one module per kind, and the template language that the kinds share."""
