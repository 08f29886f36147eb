"""The render engine: stills, animations and the live view; passes, files of frames, sequences on the server."""
