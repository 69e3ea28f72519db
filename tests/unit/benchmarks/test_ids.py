"""Every fact has an id of its own, and rows that repeat another in everything are dropped."""

from knowcost.benchmarks import ids


def row(name, text, relation=None):
    return {"id": name, "relation": relation, "text": text}


def settled(*rows):
    kept = list(rows)
    dropped = ids.settle(kept)
    return [(each["id"], each["text"]) for each in kept], dropped


def test_unique_ids_stay_whatever_the_rows_say():
    assert settled(row("a", "x"), row("b", "x")) == ([("a", "x"), ("b", "x")], 0)


def test_a_row_that_repeats_another_in_everything_is_dropped():
    assert settled(row("a", "x"), row("b", "y"), row("a", "x")) == ([("a", "x"), ("b", "y")], 1)


def test_the_relation_tells_apart_before_a_number_does():
    found, dropped = settled(row("a", "x", "r"), row("a", "x", "s"), row("a", "y", "s"), row("b", "z", "s"))
    assert found == [("a:r", "x"), ("a:s:0", "x"), ("a:s:1", "y"), ("b", "z")] and dropped == 0


def test_a_number_takes_no_id_that_is_there():
    found, _ = settled(row("a", "x"), row("a", "y"), row("a:0", "z"), row("a:2", "u"))
    assert found == [("a:1", "x"), ("a:3", "y"), ("a:0", "z"), ("a:2", "u")]


def test_another_id_in_between_moves_no_number():
    before, _ = settled(row("a", "x"), row("a", "y"))
    after, _ = settled(row("b", "u"), row("a", "x"), row("b", "v"), row("a", "y"))
    assert [each for each in after if each[0].startswith("a")] == before == [("a:0", "x"), ("a:1", "y")]
