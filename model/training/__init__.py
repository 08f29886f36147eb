"""Training: pairs, stages, plans. `python -m model.train` is the way in."""
