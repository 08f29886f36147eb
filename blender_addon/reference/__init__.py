"""From the reference picture to its camera and its boxes."""
