"""Finished pictures: what made each, their history, and how one comes back into the scene."""
