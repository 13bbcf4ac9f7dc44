"""The whole contest on one machine: supervisor, embedded model server and seeded data."""
