"""What made a picture, as one text that is kept in or beside every file of it: scene, settings, names and versions.

The text is JSON of the contract's own values, so that the same picture can be asked for again. `stamp_files` knows
where it is kept.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

from ..protocol.api import RenderSettings, Scene
from ..protocol.errors import ErrorCode, ProtocolError
from ..protocol.wire import from_plain

KEY = "Neural Assets"  # of the text in a file
_FORM = 1  # of the text; a higher one is from a newer add-on


@dataclass(frozen=True)
class Stamp:
    """scene, settings: as the server got them; frame: of the timeline; pixel_aspect: height / width of a pixel;
    view: whether it is a viewport's picture, whose size is no render size; names: of assets by id;
    versions: of add-on, Blender, protocol, server and weights, as far as they are known."""

    scene: Scene
    settings: RenderSettings
    frame: int = 0
    pixel_aspect: float = 1.0
    view: bool = False
    names: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def to_text(self) -> str:
        """Compact JSON."""
        return json.dumps({"form": _FORM, **asdict(self)}, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Stamp:
        """Raises ProtocolError when the text is none of ours, damaged or from a newer add-on."""
        try:
            values = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise damaged(str(error)) from None
        return cls.from_plain(values)

    @classmethod
    def from_plain(cls, values: Any) -> Stamp:
        """Of what JSON makes of the text; raises ProtocolError as `from_text` does."""
        try:
            if values["form"] > _FORM:
                raise ProtocolError(ErrorCode.VERSION, "The picture is from a newer add-on.", "Update this one.")
            return cls(
                from_plain(Scene, values["scene"]),
                from_plain(RenderSettings, values["settings"]),
                int(values["frame"]),
                _positive(values["pixel_aspect"]),
                values["view"] is True,
                {str(key): str(name) for key, name in values["names"].items()},
                {str(key): str(version) for key, version in values["versions"].items()},
            )
        except ProtocolError as error:
            raise damaged(error.sentence) if error.code is not ErrorCode.VERSION else error from None
        except (TypeError, ValueError, KeyError, AttributeError, RecursionError, OverflowError) as error:
            raise damaged(str(error)) from None


def _positive(number: Any) -> float:
    if not 1e-3 <= number <= 1e3:
        raise ValueError(f"a pixel aspect of {number}")
    return float(number)


def damaged(reason: str) -> ProtocolError:
    """The sentence for a stamp that cannot be read."""
    return ProtocolError(
        ErrorCode.IMAGE, f"The picture's settings are damaged ({reason[:200].rstrip('.')}).", "Choose another picture."
    )
