"""The exact colours of the fake server's pictures, sRGB."""

BACKGROUND = (40, 90, 160)
BOXES = {"chair": (255, 128, 0), "lamp": (60, 200, 90)}  # by asset; of a box's front face
OTHERS = (200, 60, 140)  # boxes with any other asset
