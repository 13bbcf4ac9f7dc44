"""How many joules an evaluation took, and what stands behind the figure.

Start at ``window``; docs/energy.md says what each grade of evidence claims.
"""
