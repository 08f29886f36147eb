"""A layout that writes down what a panel draws, since Blender's own exists only in a window."""

from __future__ import annotations

from types import SimpleNamespace

import bpy


class Layout:
    """Takes the calls that panels make; rows and columns share one list."""

    def __init__(self, entries: list[SimpleNamespace] | None = None) -> None:
        self.entries = [] if entries is None else entries

    def __getattr__(self, name: str) -> object:
        if name in ("row", "column", "box", "split", "column_flow", "grid_flow"):
            return lambda *_, **__: Layout(self.entries)
        if name in ("separator", "separator_spacer", "template_list", "template_icon", "menu"):
            return lambda *_, **__: None
        raise AttributeError(name)

    def label(self, text: str = "", **_: object) -> None:
        self.entries.append(SimpleNamespace(kind="label", text=text))

    def progress(self, text: str = "", factor: float = 0.0, **_: object) -> None:
        self.entries.append(SimpleNamespace(kind="progress", text=text, factor=factor))

    def prop(self, owner: object, name: str, text: str | None = None, **_: object) -> None:
        shown = owner.bl_rna.properties[name].name if text is None else text
        self.entries.append(SimpleNamespace(kind="prop", name=name, text=shown))

    def operator(self, name: str, text: str | None = None, **_: object) -> SimpleNamespace:
        module, function = name.split(".")
        label = getattr(getattr(bpy.ops, module), function).get_rna_type().name
        entry = SimpleNamespace(kind="operator", name=name, text=label if text is None else text)
        self.entries.append(entry)
        return entry

    # --- for tests ---

    def find(self, text: str) -> SimpleNamespace:
        """The first entry with this text."""
        return next(entry for entry in self.entries if entry.text == text)

    def all(self, name: str) -> list[SimpleNamespace]:
        """The buttons of an operator."""
        return [entry for entry in self.entries if entry.kind == "operator" and entry.name == name]

    @property
    def buttons(self) -> set[str]:
        return {entry.name for entry in self.entries if entry.kind == "operator"}

    @property
    def properties(self) -> set[str]:
        return {entry.name for entry in self.entries if entry.kind == "prop"}


def shown(panel: type[bpy.types.Panel], layout: Layout | None = None) -> str:
    """All texts that a panel of ours draws in a sidebar of usual width, one after the other."""
    layout = layout or Layout()
    region = SimpleNamespace(width=320, height=600)
    context = SimpleNamespace(
        region=region, scene=bpy.context.scene, preferences=bpy.context.preferences,
        window_manager=bpy.context.window_manager, view_layer=bpy.context.view_layer, object=bpy.context.object,
    )  # fmt: skip
    panel.draw(SimpleNamespace(layout=layout), context)
    return " ".join(entry.text for entry in layout.entries)
