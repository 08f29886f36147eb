"""The add-on's modules that need no Blender; its package cannot be imported without one."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

_NAME = "pure_addon"


def pure_module(name: str) -> ModuleType:
    """`blender_addon/name.py`, which imports nothing but numpy and modules like itself."""
    if _NAME not in sys.modules:
        package = ModuleType(_NAME)
        package.__path__ = [str(Path(__file__).resolve().parents[1] / "blender_addon")]
        sys.modules[_NAME] = package
    return importlib.import_module(f"{_NAME}.{name}")
