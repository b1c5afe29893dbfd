"""Figures of finished runs and of studies.

`series` arranges runs into what may share a figure, and `measured` counts their codes again. Each kind of figure
(`kinds`) is worked out as `Sheet`s of numbers, in `history`, `retrieval`, `over_bits`, `distances`, `codes`,
`sensitivity` or `studies`. Sheets draw themselves: as panels of lines (`lines`) or as a grid of plots (`grid`), on a
`canvas`, in one `style`. `draw` makes the files and their index.
"""
