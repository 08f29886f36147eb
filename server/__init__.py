"""The server: one process that takes scenes over ZeroMQ and answers with the model's pictures.

`server.protocol` holds the contract and the client, and is all that other programs need.
"""

__version__ = "0.1.0"
