"""The contestant's pages: challenge, editor, submissions, board."""
