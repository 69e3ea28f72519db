"""The table of times: what jobs took beside what was predicted and asked for."""

import json

from knowcost.common import paths
from knowcost.report import times

# stage, job, seconds, MB, what was predicted and asked for
JOBS = [
    ("score", ("a-float",), 100.0, "800.0", {"predicted_s": 50, "mem_mb": 2000, "runtime": 13}),
    ("score", ("b-float",), 60.0, "500.0", {"predicted_s": 240, "mem_mb": 1000, "runtime": 22}),
    ("score", ("c-float",), 2.0, "-", {"predicted_s": 12, "mem_mb": 1000, "runtime": 11}),  # too short to be held to it
    ("score", ("of-before",), 7.0, "100.0", None),
    ("compress", ("m", "gptq-3bit@overall"), 90.0, "600.0", {"predicted_s": 22, "mem_mb": 1500, "runtime": 11}),
    ("aggregate", ("tables",), 3.0, "300.0", {"predicted_s": 12, "mem_mb": 1500, "runtime": 11}),
    ("fetch", ("model-m",), 5.0, "50.0", None),
]


def table(folder, jobs=JOBS):
    made = []
    for stage, job, seconds, memory, asked in jobs:
        timing = folder / paths.timing(stage, *job)
        timing.parent.mkdir(parents=True, exist_ok=True)
        timing.write_text(f"s\th:m:s\tmax_rss\n{seconds}\t0:00:01\t{memory}\n")
        if asked:
            (folder / paths.log(stage, *job)).with_suffix(".requested.json").write_text(json.dumps(asked))
        made.append(timing)
    return times.timings(made)


def test_predicted_over_taken_by_hand(tmp_path):
    """score: (50 + 240 + 12) / 162; the worst of those of twenty seconds and more is four times too much."""
    rows = {row[0].text: [cell.text for cell in row[1:]] for row in table(tmp_path).rows}
    assert rows["score"] == ["4", "169.0", "100.0", "1.9", "4 (b-float)", "800", "50"]
    assert rows["compress"] == ["1", "90.0", "90.0", "0.24", "0.24 (m/gptq-3bit@overall)", "600", "40"]
    assert rows["aggregate"] == ["1", "3.0", "3.0", "4", times.GONE, "300", "20"]
    assert rows["fetch"] == ["1", "5.0", "5.0", times.GONE, times.GONE, "50", times.GONE]


def test_a_stage_that_is_off_by_more_than_three_is_said(tmp_path):
    """Not that of jobs which start-up decides."""
    assert "Off by more than three: compress (0.24). " in table(tmp_path).note
    assert "Off by" not in table(tmp_path, JOBS[:4]).note
    assert table(tmp_path, []) is None


def test_what_was_asked_for_lies_beside_log_and_timing():
    places = [paths.log("score", "m.log-int8"), paths.timing("score", "m.log-int8")]
    assert [str(paths.requested_beside(place)) for place in places] == ["logs/score/m.log-int8.requested.json"] * 2
