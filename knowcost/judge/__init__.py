"""Judges: what another model says of the texts that a model wrote, asked over HTTP, a file per reply.

From a question to a row: `rubric.py` (a judge's instructions, a file each in rubrics/), `pairs.py` (what is asked of
which texts), `reading.py` and `outcomes.py` (what replies say, and the rows of `rows.py` made of them).

How it is asked: `job.py`, with the cells of `study.py` and the answers of `references.py`; `endpoint.py` sends what
`request.py` holds, `responses.py` says what comes back, `access.py` has address and key, `budget.py` the limits, and
`kept.py` the files of replies. `count.py` says beforehand what it will take. `world_server.py` is the demo's judge.
"""

STAGE_VERSION = "1"

WORLD = "world"  # judge.endpoint: `world_server`, which the job starts and ends
