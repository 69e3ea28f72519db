"""What a study names, for the target `stale`. Imports what fetches, so planning leaves it alone."""

from pathlib import Path

from knowcost.common import paths
from knowcost.compress.calibration import texts
from knowcost.fetch import rows, source
from knowcost.plan import design
from knowcost.plan.config import Study
from knowcost.report.unnamed import Named


def named(study: Study) -> Named:
    """All that is kept under a name of the study: models, benchmarks, calibration data, archives, cells, downloads."""
    calibrations = texts.every(study.config)
    asked = [*study.benchmarks.values(), *calibrations.values()]
    local = [row["source"] for row in asked if not row["source"].startswith(rows.REMOTE)]
    local += [row["source"] for row in study.checkpoints.values() if rows.is_local(row["source"])]
    local += [paths.given(path) for path in study.config["judge"]["references"].values()]
    return Named(
        models=list(study.checkpoints),
        benchmarks=list(study.benchmarks),
        calibrations=list(calibrations),
        archives=design.archives(study),
        cells=[(cell.model, cell.variant, cell.benchmark) for cell in design.cells(study)],
        downloads=[
            str(source.folder_of(row, Path(paths.DOWNLOADS))) for row in asked if row["source"].startswith(rows.REMOTE)
        ],
        sources=[rows.place(each)[0] if rows.is_gguf(each) else each for each in local],
    )
