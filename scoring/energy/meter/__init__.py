"""The meter: a small process beside a device that counts its energy and answers for stretches of time.

``python -m scoring.energy.meter`` starts it; ``scoring.energy.metered`` is its client. It runs alone, on the
standard library and nvidia-ml-py, so that it can stand on a GPU host where nothing else of ours does. Start
at ``core``: what is counted and what a window is; ``server`` and ``routes`` only carry that over HTTP.
"""
