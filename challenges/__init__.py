"""The contest's rules and rows: challenges, submissions, evaluations, scores and standings."""
