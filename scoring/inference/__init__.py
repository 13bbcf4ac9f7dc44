"""How a case reaches a language model: ``backend.Backend`` over the OpenAI-compatible servers.

The same code serves vLLM on a GPU host and the small model of the demo.
"""
