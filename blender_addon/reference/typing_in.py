"""Numbers that are typed while a tool runs, as in Blender's own: digits, point, minus, Backspace."""

from __future__ import annotations

import bpy

_DIGITS = {name: str(i) for i, name in enumerate("ZERO ONE TWO THREE FOUR FIVE SIX SEVEN EIGHT NINE".split())}
_DIGITS |= {f"NUMPAD_{i}": str(i) for i in range(10)}
_DIGITS |= {"PERIOD": ".", "COMMA": ".", "NUMPAD_PERIOD": ".", "MINUS": "-", "NUMPAD_MINUS": "-"}
_UNITS = {
    "KILOMETERS": "km", "METERS": "m", "CENTIMETERS": "cm", "MILLIMETERS": "mm", "MICROMETERS": "um",
    "MILES": "mi", "FEET": "ft", "INCHES": "in", "THOU": "thou",
}  # fmt: skip


class Typed:
    """One number on its way. `text` is what was typed."""

    def __init__(self) -> None:
        self.text = ""

    def take(self, event: bpy.types.Event) -> bool:
        """Whether the key belonged to the number."""
        if event.value != "PRESS" or event.ctrl or event.alt or event.oskey:
            return False
        if event.type == "BACK_SPACE" and self.text:
            self.text = self.text[:-1]
            return True
        key = _DIGITS.get(event.type, "")
        if key == "-":
            self.text = self.text[1:] if self.text.startswith("-") else "-" + self.text
        elif key and not (key == "." and "." in self.text):
            self.text += key
        return bool(key)

    def length(self, scene: bpy.types.Scene) -> float | None:
        """The number as a length in Blender units, in the unit that the scene shows; None when there is none."""
        try:
            number = float(self.text)
        except ValueError:
            return None
        units = scene.unit_settings
        if units.system == "NONE":
            return number
        unit = _UNITS.get(units.length_unit, "m" if units.system == "METRIC" else "ft")
        return bpy.utils.units.to_value(units.system, "LENGTH", f"{number:.9f}{unit}") / units.scale_length
