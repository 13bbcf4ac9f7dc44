"""What the graders share: which part of an answer is read, and how words, numbers and units are."""
