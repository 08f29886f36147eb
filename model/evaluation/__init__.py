"""Evaluation: rows of pictures made from held-out pairs, their figures, and the sheet that shows
them.
"""
