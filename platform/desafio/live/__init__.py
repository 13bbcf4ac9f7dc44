"""The live board: a small raw ASGI process that serves JSON and an event stream from memory."""
