"""The data of the page's explorer: what was asked, which facts every variant got right, and what it said instead.

`parts.py` has the layout, `job.py` makes it from the files of a run.
"""
