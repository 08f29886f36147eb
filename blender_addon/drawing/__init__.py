"""What is drawn over 3D views: marks of boxes, two pictures compared, lines and words."""
