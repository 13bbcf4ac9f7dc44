"""The first client of the API: ``python -m desafio.api.client`` (``./alia submit``). It needs no Django."""
