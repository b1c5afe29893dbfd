"""Tables and figures of the papers, made again: what they hold (`targets`), the runs that they need (`plan`), and our
numbers beside the printed ones (`rows`, `write`). It plans and compares; the command runs what is planned.
"""
