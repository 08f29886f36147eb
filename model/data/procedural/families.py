"""Object families: things with a front and a back, put together of a few analytic parts.

A part is one primitive of unit size (-0.5..0.5) placed in the object's metres: "box", "ellipsoid", or
"cylinder" (upright before its rotation, narrowing to `top` of its radius). +x right, -y front, +z up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

BOX, ELLIPSOID, CYLINDER = 0, 1, 2


@dataclass(frozen=True)
class Part:
    """kind; centre and size in metres; colour index into the instance's palette; texture number;
    top: share of a cylinder's radius at its upper end; tilt: rotation about x, roll: about y (radians)."""

    kind: int
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    colour: int = 0
    texture: int = 0
    top: float = 1.0
    tilt: float = 0.0
    roll: float = 0.0


Family = Callable[[np.random.Generator], list[Part]]
PLAIN, STRIPES, CHECKS, DOTS, MARBLE = range(5)
_SIDE = np.pi / 2


def _legs(x: float, y: float, height: float, width: float, colour: int) -> list[Part]:
    return [
        Part(CYLINDER, (sx * x, sy * y, height / 2), (width, width, height), colour) for sx in (-1, 1) for sy in (-1, 1)
    ]


def _wheels(x: float, y: float, radius: float, width: float) -> list[Part]:
    parts = []
    for sx in (-1, 1):
        for sy in (-1, 1):
            parts.append(Part(CYLINDER, (sx * x, sy * y, radius), (2 * radius, 2 * radius, width), 3, roll=_SIDE))
            hub = (sx * (x + width * 0.3), sy * y, radius)
            parts.append(Part(CYLINDER, hub, (radius, radius, width * 0.6), 4, roll=_SIDE))
    return parts


def _vehicle(w: float, length: float, r: float, axle: float, lamp: tuple[float, float, float], z: float) -> list[Part]:
    """What a car and a truck share: wheels of radius r, `axle` of the length from the middle, and two head lamps."""
    lamps = [Part(ELLIPSOID, (s * w * 0.35, -length / 2, z), lamp, 5) for s in (-1, 1)]
    return [*lamps, *_wheels(w / 2 - 0.04, length * axle, r, 0.15)]


def car(g: np.random.Generator) -> list[Part]:
    w, length, h = g.uniform(0.7, 0.85), g.uniform(1.6, 2.0), g.uniform(0.28, 0.36)
    r, cabin, back = g.uniform(0.15, 0.2), g.uniform(0.45, 0.6), g.uniform(0.05, 0.2)
    z = r + h / 2
    rear = [Part(BOX, (s * w * 0.36, length / 2 - 0.01, z + 0.03), (0.14, 0.04, 0.08), 6) for s in (-1, 1)]
    return [
        Part(BOX, (0, 0, z), (w, length, h), 0, int(g.choice([PLAIN, PLAIN, STRIPES]))),
        Part(BOX, (0, length * back, z + h * 0.85), (w * 0.88, length * cabin, h * 0.8), 1),
        Part(BOX, (0, length * back, z + h * 1.28), (w * 0.82, length * cabin * 0.9, 0.04), 0),
        Part(BOX, (0, -length / 2, z - h * 0.25), (w * 0.4, 0.03, h * 0.25), 7),
        *rear,
        *_vehicle(w, length, r, 0.32, (0.16, 0.06, 0.1), z + 0.02),
    ]


def truck(g: np.random.Generator) -> list[Part]:
    w, length = g.uniform(0.75, 0.9), g.uniform(1.9, 2.3)
    cab, load = g.uniform(0.28, 0.36) * length, g.uniform(0.7, 1.0)
    return [
        Part(BOX, (0, 0, 0.26), (w * 0.9, length, 0.12), 3),
        Part(BOX, (0, -length / 2 + cab / 2, 0.6), (w, cab, 0.62), 0),
        Part(BOX, (0, -length / 2 + cab * 0.2, 0.72), (w * 0.9, cab * 0.45, 0.26), 1),
        Part(BOX, (0, cab / 2 + 0.03, 0.32 + load / 2), (w, length - cab - 0.06, load), 2, int(g.integers(0, 5))),
        *_vehicle(w, length, 0.18, 0.33, (0.14, 0.05, 0.12), 0.38),
    ]


def chair(g: np.random.Generator) -> list[Part]:
    w, d = g.uniform(0.42, 0.55), g.uniform(0.42, 0.52)
    seat, back = g.uniform(0.4, 0.48), g.uniform(0.4, 0.6)
    parts = [
        Part(BOX, (0, 0, seat), (w, d, 0.06), 0, int(g.integers(0, 5))),
        *_legs(w * 0.43, d * 0.43, seat, 0.045, 2),
    ]
    if g.random() < 0.5:
        return [*parts, Part(BOX, (0, d * 0.46, seat + back / 2), (w, 0.05, back), 1, int(g.integers(0, 5)))]
    bars = [Part(BOX, (x * w, d * 0.46, seat + back / 2), (0.05, 0.04, back), 2) for x in (-0.45, -0.15, 0.15, 0.45)]
    return [*parts, *bars, Part(BOX, (0, d * 0.46, seat + back), (w, 0.06, 0.12), 1)]


def mug(g: np.random.Generator) -> list[Part]:
    r, h, top = g.uniform(0.2, 0.28), g.uniform(0.45, 0.65), g.uniform(0.85, 1.0)
    return [
        Part(CYLINDER, (0, 0, h / 2), (2 * r, 2 * r, h), 0, int(g.integers(0, 5)), 1.0),
        Part(CYLINDER, (0, 0, h * 0.97), (1.8 * r, 1.8 * r, h * 0.07), 3),
        Part(BOX, (r + 0.11, 0, h * 0.72), (0.2, 0.06, 0.06), 1),
        Part(BOX, (r + 0.11, 0, h * 0.28), (0.2, 0.06, 0.06), 1),
        Part(BOX, (r + 0.2, 0, h / 2), (0.06, 0.06, h * 0.5), 1),
        Part(ELLIPSOID, (0, -r * 0.93 * top, h * 0.55), (r * 0.9, 0.1, r * 0.9), 6, int(g.integers(0, 5))),
    ]


def lamp(g: np.random.Generator) -> list[Part]:
    h, r = g.uniform(0.7, 1.1), g.uniform(0.2, 0.3)
    shade, narrow = int(g.choice([PLAIN, STRIPES])), g.uniform(0.4, 0.7)
    return [
        Part(CYLINDER, (0, 0, 0.03), (1.4 * r, 1.4 * r, 0.06), 2),
        Part(CYLINDER, (0, 0.1, h / 2), (0.05, 0.05, h), 2),
        Part(CYLINDER, (0, -0.1, h), (2 * r, 2 * r, r * 1.5), 0, shade, narrow, tilt=0.5),
        Part(BOX, (0, -r * 0.6, 0.08), (0.08, 0.05, 0.05), 6),
    ]


def shoe(g: np.random.Generator) -> list[Part]:
    w, length = g.uniform(0.3, 0.36), g.uniform(0.8, 0.95)
    return [
        Part(BOX, (0, 0, 0.04), (w, length, 0.08), 2),
        Part(ELLIPSOID, (0, -length * 0.22, 0.15), (w, length * 0.55, 0.3), 0, int(g.integers(0, 3))),
        Part(ELLIPSOID, (0, length * 0.22, 0.24), (w * 0.95, length * 0.5, 0.46), 1),
        Part(CYLINDER, (0, length * 0.28, 0.42), (w * 0.8, length * 0.34, 0.16), 0),
        *[Part(BOX, (0, -length * (0.05 + 0.09 * k), 0.31 - 0.03 * k), (w * 0.55, 0.03, 0.02), 5) for k in range(3)],
    ]


def house(g: np.random.Generator) -> list[Part]:
    w, d = g.uniform(0.9, 1.2), g.uniform(0.8, 1.2)
    h, roof = g.uniform(0.55, 0.8), g.uniform(0.2, 0.35)
    windows = [Part(BOX, (s * w * 0.28, -d / 2, h * 0.58), (w * 0.2, 0.03, h * 0.26), 1) for s in (-1, 1)]
    slope = float(np.arctan2(roof, w / 2))
    side = float(np.hypot(roof, w / 2)) + 0.08
    roofs = [
        Part(BOX, (s * w / 4, 0, h + roof / 2), (side, d + 0.12, 0.05), 2, STRIPES, roll=s * slope) for s in (-1, 1)
    ]
    return [
        Part(BOX, (0, 0, h / 2), (w, d, h), 0, int(g.choice([PLAIN, CHECKS]))),
        *windows,
        *roofs,
        Part(BOX, (0, -d / 2, h * 0.25), (w * 0.2, 0.04, h * 0.5), 6),
        Part(BOX, (w * 0.3, d * 0.2, h + roof * 0.8), (0.12, 0.12, roof), 3),
    ]


def robot(g: np.random.Generator) -> list[Part]:
    w, h = g.uniform(0.4, 0.55), g.uniform(0.45, 0.6)
    eyes = [Part(ELLIPSOID, (s * 0.1, -0.17, h + 0.53), (0.09, 0.06, 0.09), 5) for s in (-1, 1)]
    arms = [Part(CYLINDER, (s * (w / 2 + 0.07), 0, h * 0.5 + 0.25), (0.11, 0.11, h * 0.8), 1) for s in (-1, 1)]
    legs = [Part(BOX, (s * w * 0.25, -0.03, 0.13), (0.14, 0.2, 0.26), 2) for s in (-1, 1)]
    return [
        Part(BOX, (0, 0, 0.26 + h / 2), (w, 0.3, h), 0, int(g.integers(0, 5))),
        Part(BOX, (0, 0, h + 0.5), (0.36, 0.32, 0.32), 1),
        Part(BOX, (0, -0.15, 0.3 + h / 2), (w * 0.5, 0.03, h * 0.4), 6, CHECKS),
        Part(CYLINDER, (0, 0, h + 0.76), (0.03, 0.03, 0.2), 3),
        Part(ELLIPSOID, (0, 0, h + 0.88), (0.08, 0.08, 0.08), 6),
        *eyes,
        *arms,
        *legs,
    ]


def dog(g: np.random.Generator) -> list[Part]:
    length, w, leg = g.uniform(0.6, 0.85), g.uniform(0.26, 0.34), g.uniform(0.25, 0.4)
    z, head = leg + w * 0.4, g.uniform(0.26, 0.34)
    ears = [Part(ELLIPSOID, (s * head * 0.4, -length * 0.5, z + head * 0.85), (0.1, 0.06, 0.2), 1) for s in (-1, 1)]
    look = (head * 0.22, -length * 0.5 - head * 0.44, z + head * 0.5)
    eyes = [Part(ELLIPSOID, (s * look[0], *look[1:]), (0.05, 0.04, 0.05), 3) for s in (-1, 1)]
    return [
        Part(ELLIPSOID, (0, 0, z), (w, length, w * 1.05), 0, int(g.choice([PLAIN, DOTS, MARBLE]))),
        Part(ELLIPSOID, (0, -length * 0.5, z + head * 0.4), (head, head, head), 0),
        Part(ELLIPSOID, (0, -length * 0.5 - head * 0.5, z + head * 0.28), (head * 0.5, head * 0.5, head * 0.4), 1),
        Part(ELLIPSOID, (0, -length * 0.5 - head * 0.74, z + head * 0.34), (0.06, 0.05, 0.05), 3),
        *ears,
        *eyes,
        Part(CYLINDER, (0, length * 0.55, z + 0.14), (0.06, 0.06, 0.32), 1, tilt=-0.6),
        *_legs(w * 0.32, length * 0.32, leg, 0.09, 0),
    ]


def sofa(g: np.random.Generator) -> list[Part]:
    w, d = g.uniform(1.3, 1.8), g.uniform(0.65, 0.8)
    seat, back = g.uniform(0.34, 0.42), g.uniform(0.35, 0.5)
    texture = int(g.integers(0, 5))
    arms = [Part(BOX, (s * (w / 2 - 0.08), 0, seat * 0.75), (0.16, d, seat * 1.5), 0, texture) for s in (-1, 1)]
    cushions = [Part(BOX, (x * w * 0.21, -0.05, seat + 0.06), (w * 0.38, d * 0.75, 0.12), 1, texture) for x in (-1, 1)]
    return [
        Part(BOX, (0, 0, seat / 2), (w * 0.95, d, seat), 0, texture),
        *arms,
        *cushions,
        Part(BOX, (0, d * 0.4, seat + back / 2), (w * 0.95, 0.18, back), 0, texture),
        Part(ELLIPSOID, (w * 0.25, d * 0.22, seat + 0.27), (0.36, 0.16, 0.32), 6, STRIPES),
    ]


def bird(g: np.random.Generator) -> list[Part]:
    length, w = g.uniform(0.5, 0.7), g.uniform(0.3, 0.38)
    eyes = [Part(ELLIPSOID, (s * 0.1, -length * 0.55, 0.62), (0.05, 0.05, 0.05), 3) for s in (-1, 1)]
    wings = [Part(ELLIPSOID, (s * w * 0.48, 0.05, 0.36), (0.1, length * 0.7, 0.24), 1, STRIPES) for s in (-1, 1)]
    feet = [Part(CYLINDER, (s * 0.08, 0, 0.1), (0.04, 0.04, 0.2), 6) for s in (-1, 1)]
    return [
        Part(ELLIPSOID, (0, 0, 0.36), (w, length, w * 1.1), 0, int(g.choice([PLAIN, DOTS]))),
        Part(ELLIPSOID, (0, -length * 0.42, 0.58), (0.26, 0.26, 0.26), 0),
        Part(CYLINDER, (0, -length * 0.42 - 0.18, 0.56), (0.1, 0.1, 0.2), 6, 0, 0.1, tilt=_SIDE),
        *eyes,
        *wings,
        Part(BOX, (0, length * 0.55, 0.42), (0.16, 0.3, 0.04), 1, tilt=0.4),
        *feet,
    ]


def television(g: np.random.Generator) -> list[Part]:
    w, h, d = g.uniform(0.7, 0.95), g.uniform(0.55, 0.7), g.uniform(0.4, 0.55)
    knobs = [Part(CYLINDER, (w * 0.36, -d / 2, 0.12 + h * k), (0.08, 0.08, 0.06), 5, tilt=_SIDE) for k in (0.35, 0.6)]
    feet = [Part(CYLINDER, (s * w * 0.35, 0, 0.06), (0.06, 0.06, 0.12), 3) for s in (-1, 1)]
    return [
        Part(BOX, (0, 0, 0.12 + h / 2), (w, d, h), 0, int(g.choice([PLAIN, MARBLE]))),
        Part(BOX, (-w * 0.1, -d / 2, 0.12 + h / 2), (w * 0.66, 0.05, h * 0.75), 6, CHECKS),
        Part(BOX, (0, d / 2 + 0.05, 0.12 + h / 2), (w * 0.6, 0.12, h * 0.6), 3),
        *knobs,
        *feet,
        Part(CYLINDER, (0.12, 0.05, 0.25 + h), (0.02, 0.02, 0.3), 3, roll=0.5),
        Part(CYLINDER, (-0.12, 0.05, 0.25 + h), (0.02, 0.02, 0.3), 3, roll=-0.5),
    ]


def aeroplane(g: np.random.Generator) -> list[Part]:
    length, w, z = g.uniform(1.3, 1.7), g.uniform(1.2, 1.7), 0.3
    return [
        Part(ELLIPSOID, (0, 0, z), (0.32, length, 0.32), 0, int(g.choice([PLAIN, STRIPES]))),
        Part(BOX, (0, -0.05, z), (w, 0.32, 0.04), 1, STRIPES),
        Part(BOX, (0, length * 0.42, z + 0.05), (w * 0.4, 0.18, 0.03), 1),
        Part(BOX, (0, length * 0.43, z + 0.18), (0.03, 0.18, 0.3), 2),
        Part(ELLIPSOID, (0, -length * 0.2, z + 0.12), (0.22, 0.42, 0.2), 5),
        Part(BOX, (0, -length / 2, z), (0.5, 0.03, 0.06), 3),
        Part(ELLIPSOID, (0, -length / 2 - 0.02, z), (0.1, 0.1, 0.1), 6),
        Part(CYLINDER, (0.18, -length * 0.15, 0.09), (0.18, 0.18, 0.05), 3, roll=_SIDE),
        Part(CYLINDER, (-0.18, -length * 0.15, 0.09), (0.18, 0.18, 0.05), 3, roll=_SIDE),
    ]


def snowman(g: np.random.Generator) -> list[Part]:
    a, b, c = g.uniform(0.55, 0.65), g.uniform(0.4, 0.48), g.uniform(0.28, 0.34)
    y, z = a * 0.45, a * 0.85 + b * 0.5
    top = z + b * 0.42 + c * 0.4
    buttons = [Part(ELLIPSOID, (0, -b * 0.47, z + k), (0.06, 0.06, 0.06), 3) for k in (-0.08, 0.08)]
    eyes = [Part(ELLIPSOID, (s * c * 0.22, -c * 0.43, top + c * 0.12), (0.05, 0.05, 0.05), 3) for s in (-1, 1)]
    return [
        Part(ELLIPSOID, (0, 0, y), (a, a, a * 0.9), 0),
        Part(ELLIPSOID, (0, 0, z), (b, b, b), 0),
        Part(ELLIPSOID, (0, 0, top), (c, c, c), 0),
        Part(CYLINDER, (0, -c * 0.6, top), (0.08, 0.08, 0.24), 6, 0, 0.1, tilt=_SIDE),
        *buttons,
        *eyes,
        Part(CYLINDER, (0, 0, top + c * 0.45), (c * 1.3, c * 1.3, 0.03), 3),
        Part(CYLINDER, (0, 0, top + c * 0.7), (c * 0.8, c * 0.8, c * 0.5), 3),
        Part(CYLINDER, (0, 0, z + b * 0.4), (b * 0.75, b * 0.75, 0.08), 1, STRIPES),
    ]


FAMILIES: dict[str, Family] = {
    "car": car,
    "truck": truck,
    "chair": chair,
    "mug": mug,
    "lamp": lamp,
    "shoe": shoe,
    "house": house,
    "robot": robot,
    "dog": dog,
    "sofa": sofa,
    "bird": bird,
    "television": television,
    "aeroplane": aeroplane,
    "snowman": snowman,
}
HELD_OUT_FAMILIES = ("aeroplane", "snowman")
