"""What ``python -m scoring`` does beside auditing: grade answers, check a submission, tell its cost.

One module a verb, each with ``main(arguments) -> exit code``, so that ``scoring.__main__`` imports only what
is asked for. They work offline and on files alone; whatever they say to people is Spanish.
"""
