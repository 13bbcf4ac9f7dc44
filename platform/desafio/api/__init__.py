"""The REST interface: the same use cases as the pages, for programs."""
