"""The contract and the client: everything that a program needs to talk to the server.

Needs Python 3.11, numpy, msgpack and pyzmq; imports nothing else of this project, so that the Blender extension can
carry a copy of this folder. `api` has what a picture depends on, `messages` what is sent, `wire` its bytes, `limits`
and `errors` what is refused and why, `client` and `background_client` the two ways to talk.
"""
