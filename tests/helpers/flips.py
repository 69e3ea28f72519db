"""A finished run whose files are spoiled, and what `verify` says of it."""

import contextlib
import random
from pathlib import Path

import pytest

from knowcost.common.errors import InputError
from knowcost.compress.calibration import texts
from knowcost.plan import config, design
from knowcost.report.verify import Run, verify


def run_of(folder, configuration):
    """What the plan of a study in `folder` says there is. configuration: what its configfile holds."""
    with contextlib.chdir(folder):
        study = config.load(configuration)
        cells = [(cell.model, cell.variant, cell.benchmark) for cell in design.cells(study)]
        names = list(texts.every(study.config))
        judged = [(cell.model, cell.variant, cell.benchmark) for cell in design.judged(study)]
        return Run(list(study.models), list(study.benchmarks), names, design.archives(study), cells, judged)


def handed_on(folder):
    """Every file that a stage made for another one or for the reader, as its path from `folder`."""
    tops = [folder / top for top in ("results", "resources", "judgements")]
    found = [path.relative_to(folder) for top in tops for path in top.rglob("*") if path.is_file()]
    return sorted(path for path in found if path.parts[1] != "published" and not path.name.startswith("."))


def sample(found, count, seed):
    """One file of each kind from each folder, and then any, up to `count`."""
    generator = random.Random(seed)
    kinds = sorted({(path.parts[0], path.suffix) for path in found})
    first = [generator.choice([path for path in found if (path.parts[0], path.suffix) == kind]) for kind in kinds]
    return first + generator.choices(found, k=count - len(first))


def flip(path, seed):
    """Flip a bit of a file. Returns what puts it back."""
    before = path.read_bytes()
    bit = random.Random(seed).randrange(8 * len(before))
    data = bytearray(before)
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
    return lambda: path.write_bytes(before)


def named(run):
    """What verify says is wrong, in the current folder."""
    with pytest.raises(InputError) as error:
        verify(run)
    return str(error.value)


def check_flips(folder, run, count):
    """Flip a bit in each of `count` files, one at a time: each must be named, and nothing once it is put back."""
    with contextlib.chdir(folder):
        verify(run)
        for number, path in enumerate(sample(handed_on(folder), count, "flip")):
            back = flip(Path(path), number)
            assert str(path) in named(run)
            back()
        verify(run)
