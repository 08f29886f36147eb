"""The procedural data engine: pairs of scenes of analytic objects, ray cast in torch, without any file.

Method notes, section 3: exact boxes, cameras, masks, depth, normals and box coordinates, on CPU and GPU alike.
"""

from .source import ProceduralSource

__all__ = ["ProceduralSource"]
