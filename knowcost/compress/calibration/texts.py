"""The texts of calibration data: from a hub data set or a local file into one file, as a benchmark is fetched.

Imported while the Snakefile is parsed, so heavy modules are imported where they are used.
"""

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from knowcost.common import seal
from knowcost.common.errors import InputError
from knowcost.common.fields import passage
from knowcost.common.reading import PLAIN, plain, suffix
from knowcost.common.records import records

BATCH = 1_000  # texts written at a time

log = logging.getLogger(__name__)


def every(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """{name: options} of all the calibration data of a configuration, the main ones first.

    Those of `other_calibrations` say what differs from the section `calibration`; another source has no revision or
    sha256 but its own. Raises InputError when two have one name.
    """
    main = config["calibration"]
    made = {main["name"]: main}
    for name, other in config["other_calibrations"].items():
        if name in made:
            raise InputError(f"other_calibrations: {name!r} is already the name of the main ones")
        kept = {key: main[key] for key in main if "source" not in other or key not in ("revision", "sha256")}
        made[name] = kept | other | {"name": name}
    return made


def texts_of(config: Mapping[str, Any], name: str) -> str:
    """The name under which the texts of some calibration data are kept: that of the first with the same source."""
    origins = {n: [each.get(key) for key in ("source", "revision", "sha256")] for n, each in every(config).items()}
    return next(n for n, origin in origins.items() if origin == origins[name])


def prepare(row: Mapping[str, Any], source: Path, out: Path) -> None:
    """Write the texts of a local file to `out`, an Arrow file with the column `text` that is read without copying.

    row: the config's section `calibration`. source: JSON lines, CSV or Parquet with a column `text`; of a file
    with the suffix .txt or .raw the whole is one text. Raises InputError.
    """
    import pyarrow as pa

    source = Path(source)
    if source.is_dir():
        raise InputError(f"calibration: {source} is a folder; `calibration.source` needs one file")
    schema = pa.schema([("text", pa.string())])
    count, blank = 0, True
    batch: list[str] = []
    with seal.sealed(out) as temporary, pa.OSFile(str(temporary), "wb") as sink, pa.ipc.new_file(sink, schema) as file:
        for text in _texts(source):
            batch.append(text)
            count += 1
            blank = blank and not text.strip()
            if len(batch) == BATCH:
                file.write_batch(pa.record_batch([batch], schema=schema))
                batch = []
        file.write_batch(pa.record_batch([batch], schema=schema))
        if blank:
            raise InputError(f"{source}: no text in it; `calibration.source` needs some")
    log.info("calibration data %s: %d texts from %s", row["name"], count, source)


def _texts(source: Path) -> Iterator[str]:
    if suffix(source) in PLAIN:
        yield "".join(plain(source))
        return
    for where, record in records(source):
        yield passage(where, record)
