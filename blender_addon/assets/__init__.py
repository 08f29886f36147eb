"""The assets of the server's store in Blender: Asset Browser, thumbnails, files, and which are missing."""
