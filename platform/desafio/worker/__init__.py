"""``./alia worker``: starts a process that evaluates, on any host, or says in a sentence why it cannot."""
