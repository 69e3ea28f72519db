"""Which facts of each format share a cluster, of rows written by hand and of the official files."""

import json
from collections import Counter

import pytest
from helpers.benchmark_files import clusters, jsonl

from knowcost.benchmarks.clusters import by_relation, first, of_text, twins
from knowcost.common.errors import InputError

BOOLQ = {"question": "is it", "passage": "It is.", "label": 1}
GOAL = {"goal": "Peel a pear", "sol1": "knife", "sol2": "spoon", "label": 0}
SCIQ = {"question": "q", "distractor1": "a", "distractor2": "b", "distractor3": "c", "correct_answer": "d"}
SWAG = {"activity_label": "L", "ctx_a": "A man sits.", "ctx_b": "he", "endings": ["w", "x"], "label": 1}
GAP = {"option1": "Ann", "option2": "Eve", "answer": "1"}
WEB = {"question": "where?", "answers": ["Rome"]}
TRIVIA = {"question": "Who?", "answer": {"value": "Bo"}}


def shared(format, source, tmp_path):
    """The ids that share a cluster, each cluster in the order of the file; facts alone in theirs are left out."""
    found = {}
    for name, cluster in clusters(format, source, tmp_path / "out.parquet").items():
        found.setdefault(cluster, []).append(name)
    return [names for names in found.values() if len(names) > 1]


@pytest.mark.parametrize(
    ("format", "rows", "expected"),
    [
        ("boolq", [BOOLQ, BOOLQ | {"passage": "No."}, BOOLQ | {"passage": "it  is", "question": "r"}], [["0", "2"]]),
        ("piqa", [GOAL, GOAL | {"goal": "peel a  pear."}, GOAL | {"goal": "Peel an apple"}], [["0", "1"]]),
        ("sciq", [SCIQ | {"support": text} for text in ("", "One.", "", "one")], [["1", "3"]]),
        (
            "hellaswag",
            [SWAG | {"source_id": name, "ctx_a": f"{name} {i}"} for i, name in enumerate(["v1", "v2", "v1"])],
            [["0", "2"]],
        ),
        ("hellaswag", [SWAG, SWAG | {"ctx_b": "she"}, SWAG | {"label": 0}], [["0", "2"]]),
        ("hellaswag", [SWAG | {"ctx_a": ".", "ctx_b": ""}] * 2, []),  # 34 contexts of the validation set say nothing
        (
            "winogrande",
            [
                GAP | {"sentence": "Ann was a better surgeon than Eve so _ got the easier cases."},
                GAP | {"sentence": "Ann gave Eve a book because _ had read it."},
                GAP | {"sentence": "Ann was a better surgeon than Eve so _ got the harder cases.", "answer": "2"},
                {**GAP, "option2": "Zoe", "sentence": "Ann was a better surgeon than Zoe so _ got the harder cases."},
            ],
            [["0", "2"]],
        ),
        (
            "winogrande",
            [GAP | {"qID": name, "sentence": f"_ {name}"} for name in ("3QX-1", "3QX-2", "4QX-1", "odd")],
            [["3QX-1", "3QX-2"]],
        ),
        ("webquestions", [WEB | {"url": url} for url in ("/a", None, "/b", "/a", None)], [["0", "3"]]),
        (
            "triviaqa",
            [
                TRIVIA | {"question_id": "a", "entity_pages": {"filename": ["Bo.txt", "Eve.txt"]}},
                TRIVIA | {"question_id": "b", "entity_pages": {"filename": ["Bo.txt"]}},
                TRIVIA | {"question_id": "c", "entity_pages": {"filename": []}, "search_results": {"url": ["u"]}},
                TRIVIA | {"question_id": "d", "entity_pages": None, "search_results": {"url": ["u", "v"]}},
                TRIVIA | {"question_id": "e"},
            ],
            [["a", "b"], ["c", "d"]],
        ),
        ("lambada", [{"text": f"{i} a b"} for i in range(3)], []),
        ("lines", [{"text": "a", "cluster": "x"}, {"text": "b", "cluster": "x"}, {"text": "c"}], [["0", "1"]]),
    ],
)  # fmt: skip
def test_what_facts_of_a_file_share(tmp_path, format, rows, expected):
    assert shared(format, jsonl(tmp_path / "f.jsonl", *rows), tmp_path) == expected


def test_a_page_of_evidence_makes_no_second_question(tmp_path):
    rows = [TRIVIA | {"question_id": "a", "entity_pages": {"filename": [page]}} for page in ("Bo.txt", "Eve.txt")]
    assert clusters("triviaqa", jsonl(tmp_path / "f.jsonl", *rows), tmp_path / "out.parquet") == {"a": "Bo.txt"}


def test_a_cluster_of_the_file_comes_before_what_the_format_knows(tmp_path):
    rows = [BOOLQ | {"cluster": "Ada"}, BOOLQ | {"cluster": "Bo"}]
    assert clusters("boolq", jsonl(tmp_path / "f.jsonl", *rows), tmp_path / "out") == {"0": "Ada", "1": "Bo"}
    with pytest.raises(InputError, match=r"f\.jsonl:1: 'cluster' must be a non-empty text, found \['Ada'\]"):
        clusters("boolq", jsonl(tmp_path / "f.jsonl", BOOLQ | {"cluster": ["Ada"]}), tmp_path / "out")


def test_freebaseqa_by_topic(tmp_path):
    answers = [{"AnswersName": ["a"]}]
    asked = [
        {"Question-ID": f"q{i}", "RawQuestion": "?", "Parses": [{"Answers": answers}, {"Answers": answers} | topic]}
        for i, topic in enumerate(({"TopicEntityMid": "m.1", "TopicEntityName": "x"}, {"TopicEntityMid": "m.1"}, {}))
    ]
    (tmp_path / "f.json").write_text(json.dumps({"Questions": asked}))
    assert clusters("freebaseqa", tmp_path / "f.json", tmp_path / "out") == {"q0": "m.1", "q1": "m.1", "q2": "q2"}


def lama(tmp_path, relations):
    (tmp_path / "ConceptNet").mkdir()
    rows = [
        {"uuid": f"u{i}", "pred": name, "sub_label": f"s{i % 3}", "obj_label": "x", "masked_sentences": [f"{i} [MASK]"]}
        for i, name in enumerate(relations)
    ]
    jsonl(tmp_path / "ConceptNet" / "test.jsonl", *rows)
    return tmp_path


def test_relations_are_clusters_where_there_are_ten(tmp_path):
    names = [f"r{i}" for i in range(10)]
    source = lama(tmp_path, [*names, "r0"])
    for format in ("lama_conceptnet", "lama_conceptnet_published"):
        assert list(clusters(format, source, tmp_path / "out").values()) == [*names, "r0"]


def test_few_relations_leave_the_subject():
    rows = [{"relation": f"r{i}", "subject": subject} for i, subject in enumerate(["s", "t", "s", None])]
    by_relation(rows)
    assert [row["cluster"] for row in rows] == ["s", "t", "s", None]
    rows = [{"relation": f"r{i}", "subject": "s"} for i in range(9)] + [{"relation": None, "cluster": "c"}]
    by_relation(rows)
    assert [row["cluster"] for row in rows] == ["s"] * 9 + ["c"]
    rows = [{"relation": f"r{i}", "subject": "s"} for i in range(10)] + [{"relation": None, "subject": "t"}]
    by_relation(rows)
    assert [row["cluster"] for row in rows] == [f"r{i}" for i in range(10)] + ["t"]


def test_squad_by_the_second_its_questions_were_made_in(tmp_path):
    (tmp_path / "Squad").mkdir()
    names = ["56bf41013aeaaa14008c959b_0", "56bf41013aeaaa14008c959e_0", "56bf57043aeaaa14008c95da_0", "of one's own"]
    rows = [{"id": name, "obj_label": "x", "masked_sentences": [f"{name} [MASK]"]} for name in names]
    jsonl(tmp_path / "Squad" / "test.jsonl", *rows)
    found = clusters("lama_squad", tmp_path, tmp_path / "out")
    assert [found[name] for name in names] == ["56bf4101", "56bf4101", "56bf5704", "of one's own"]


def test_names_of_texts():
    assert of_text("A  man's, hat") == of_text("a man s hat ") != of_text("a mans hat")
    assert of_text("a", "b") != of_text("a b")
    assert of_text(" . ", None) is None
    assert len(of_text("x" * 10_000)) == 16


def test_twins_by_seven_words_of_ten():
    ten = "a b c d e f g h i j"
    assert twins([(ten, "O", "p"), ("a b c d e f g x y z", "P", "o")]) == ["like 0"] * 2
    assert twins([(ten, "O", "p"), ("a b c d e f w x y z", "O", "p")]) == [None] * 2
    assert twins([(ten, "o", "p"), (ten, "o", "q")]) == [None] * 2  # other options
    assert twins([("a a a a", "o", "p"), ("a", "o", "p")]) == [None] * 2  # a word counts as often as it is there
    assert twins([("z", "o", "p"), (ten, "o", "p"), (ten, "o", "p"), (ten, "o", "p")]) == [None, *["like 1"] * 3]


def test_the_first_text_of_a_record():
    record = {"a": None, "b": ["", "  ", "x "], "c": 3, "d": "y"}
    assert first(record, "a", "c", "b", "d") == "x" and first(record, "e", "a", "c") is None


# facts, clusters, facts of the largest, each counted by a script that does not import the package
@pytest.mark.parametrize(
    ("format", "source", "expected"),
    [
        ("lama_trex", "lama", (22881, 28, 982)),
        ("lama_google_re_published", "lama", (5510, 5463, 2)),
        ("lama_squad_published", "lama", (305, 272, 4)),
        ("boolq", "boolq/validation.jsonl", (3270, 2932, 9)),
        ("piqa", "piqa", (1838, 1801, 4)),
        ("winogrande", "winogrande/winogrande_xl-validation.jsonl", (1267, 1267 - 284, 2)),
        ("hellaswag", "hellaswag/validation.jsonl.gz", (10042, 8407, 10)),
        ("mmlu", "mmlu", (14042, 57, 1534)),
    ],
)
def test_clusters_of_the_real_files(request, tmp_path, format, source, expected):
    data = request.getfixturevalue("shared") / "data"
    count = Counter(clusters(format, data / source, tmp_path / "out.parquet").values())
    assert (count.total(), len(count), max(count.values())) == expected
