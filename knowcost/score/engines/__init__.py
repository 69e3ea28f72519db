"""How models are asked: one module per engine, of the name that Kind has for it.

Each has `ask(respondent, benchmark_file, part, plan)`, which asks a part of the benchmark's facts (a slice of their
order, of windows of a running text likewise) and returns (pyarrow.Table of the measure's schema, in that order; Told).
"""

from dataclasses import dataclass, field
from typing import Any

from knowcost.score.places import Places, metadata


@dataclass
class Told:
    """What an engine says beside its rows. places: whose they are (score/places.py); available: how many facts, or
    windows, there are in all; batch_plan: how they were put together; about: what else a cell's metadata says."""

    places: Places
    available: int
    batch_plan: str
    about: dict[str, Any] = field(default_factory=dict)

    def metadata(self, part: slice) -> dict[str, Any]:
        """What a cell says of how a part was asked. limit: where it ends, None if behind the last fact."""
        limit = None if part.stop is None or part.stop >= self.available else part.stop
        said = {"available": self.available, "limit": limit, "batch_plan": self.batch_plan}
        return metadata(self.places) | said | self.about
