from knowcost.common.files import write_json
from knowcost.draw import INDEX, index


def test_labels_are_those_of_the_figure(tmp_path):
    entries = [
        {"name": "claims", "title": "What the papers found", "family": ""},
        {"name": "bytes_decoder", "title": "What is kept", "family": "encoder_decoder"},
    ]
    write_json(tmp_path / INDEX, entries)
    assert index.labels(tmp_path, "claims") == {"figure": "What the papers found", "about": "all models"}
    assert index.labels(tmp_path, "bytes_decoder") == {"figure": "What is kept", "about": "encoder-decoder"}
