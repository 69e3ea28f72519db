"""What verify says of judgements, and of the replies that they rest on."""

from pathlib import Path

import pyarrow as pa
import pytest
from helpers.flips import check_flips, handed_on

from knowcost.common import parquet, paths, seal
from knowcost.common.errors import InputError
from knowcost.judge import kept
from knowcost.judge.request import Reply, Request
from knowcost.judge.rows import JUDGED
from knowcost.judge.rubric import load
from knowcost.report.verify import Run, verify

PLACE = ("m", "int8@overall", "chat")
RUN = Run([], [], [], [], [], [PLACE])
REQUEST = Request("gpt", (("user", "which?"),), 0, 10)


@pytest.fixture(autouse=True)
def judged(tmp_path, monkeypatch):
    """A cell's judgements, and a reply."""
    monkeypatch.chdir(tmp_path)
    cell = Path(paths.scores(*PLACE))
    parquet.write(cell, pa.table({"id": ["q"]}), {})
    about = dict(zip(("model", "variant", "benchmark"), PLACE, strict=True)) | {
        "digests": {str(cell): seal.check(cell)}
    }
    parquet.write(paths.judgements(*PLACE), JUDGED.empty_table(), about)
    kept.write(load("mt_bench_pair"), REQUEST, [Reply("[[A]]", "gpt", 3, 1)])
    verify(RUN)


def named():
    with pytest.raises(InputError) as error:
        verify(RUN)
    return str(error.value)


def test_a_file_of_judgements_that_was_changed_is_named():
    path = Path(paths.judgements(*PLACE))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    assert f"{path} is damaged or was changed since it was made" in named()


def test_any_bit_flipped_in_judgements_and_replies_is_named(tmp_path):
    kinds = {(path.parts[0], path.suffix) for path in handed_on(tmp_path)}
    assert {("results", ".parquet"), ("judgements", ".json")} <= kinds
    seal.beside(paths.scores(*PLACE)).unlink()  # a cell's own seal, and RUN has no cells
    check_flips(tmp_path, RUN, 30)


def test_judgements_of_another_cell_or_at_another_place_are_named():
    cell, path = paths.scores(*PLACE), paths.judgements(*PLACE)
    parquet.write(cell, pa.table({"id": ["q"]}), {"asked": "again"})
    assert f"{path}: was judged before {cell} was made as it is now; delete {path} and run again" in named()
    table, about = parquet.read(path)
    parquet.write(path, table, about | {"variant": "dense"})
    assert f"{path}: says it is of m, dense, chat; delete it" in named()
    parquet.write(path, table, about | {"digests": {}})
    assert f"was judged before {cell}" in named()


def test_a_reply_that_was_changed_renamed_or_moved_is_named():
    path = Path(paths.judgement(kept.key(load("mt_bench_pair"), REQUEST)))
    whole = path.read_text()
    path.write_text(whole.replace("[[A]]", "[[B]]"))
    assert f"{path}: damaged or no judgement" in named()
    path.write_text(whole)
    verify(RUN)
    elsewhere = path.parents[1] / "elsewhere" / path.name
    elsewhere.parent.mkdir()
    path.rename(elsewhere)
    assert f"{elsewhere}: a reply of a judge that belongs at {path}; move it there" in named()
    elsewhere.rename(path.with_name("00.json"))
    assert "belongs at" in named() or "it answers another question than its name says" in named()
