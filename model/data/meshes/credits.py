"""The credits text of an assets folder: who made what, under which licence."""

from __future__ import annotations

from pathlib import Path

from .reading import ObjectRecord, list_objects


def credits(assets: str | Path) -> str:
    """Credits (markdown) for the objects that training can draw from `assets`, grouped by licence and author."""
    return credit_lines(list_objects(Path(assets)), environments=len(list(Path(assets).rglob("*.hdr"))))


def credit_lines(records: list[ObjectRecord], environments: int = 0) -> str:
    """The text for these records."""
    groups: dict[tuple[str, str, str], list[str]] = {}
    for record in records:
        name = record.id.split("/")[-1]
        groups.setdefault(
            (record.licence or "unknown licence", record.credit or "unknown author", record.origin), []
        ).append(name)
    lines = [
        "# Credits of the training objects",
        "",
        "Meshes were decimated and textures reduced in size. Brand names and artwork on scanned packaging",
        "remain their owners' trademarks.",
        "",
    ]
    licence = ""
    for (group_licence, author, origin), names in sorted(groups.items()):
        if group_licence != licence:
            licence = group_licence
            lines += [f"## {licence}", ""]
        where = f" ({origin})" if origin else ""
        lines.append(f"- {author}{where}: {len(names)} objects: {', '.join(sorted(names))}")
    if environments:
        lines += ["", f"Environment maps: {environments} files in the folder (see its licence file)."]
    return "\n".join(lines) + "\n"
