"""Figures of finished runs: what is drawn is worked out in one file per kind (`training`, `retrieval`, ...) as `Sheet`s
of numbers, and drawn by the sheets themselves (`lines`, `distances`, ...). `draw` puts it together.
"""
