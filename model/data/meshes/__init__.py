"""Pairs of pictures of mesh objects: any folder of glTF or OBJ files under environment light."""

from .credits import credits
from .source import MeshSource

__all__ = ["MeshSource", "credits"]
