"""Blender's scene as the contract takes it: camera, boxes, settings."""
