"""Tables and figures of the papers, made again: what they hold (`targets`), the runs that they need (`plan`), and our
numbers beside the printed ones (`compare`, `write`). It stands between the commands and engine, results and report.
"""
