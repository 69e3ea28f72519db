"""What is read of GGUF files."""

import gguf
from helpers import elsewhere

from knowcost.models import gguf_files


def test_what_was_read_of_a_file_is_kept_while_it_is_the_same(tmp_path, monkeypatch):
    file, read, reader = tmp_path / "a.gguf", [], gguf.GGUFReader
    monkeypatch.setattr(gguf, "GGUFReader", lambda path, *args: read.append(path) or reader(path, *args))
    elsewhere.write_gguf(elsewhere.llama(), file, "F16")
    assert (gguf_files.kind(file), gguf_files.kind(file), len(read)) == ("F16", "F16", 1)
    config = gguf_files.configuration(file)
    layers, config.num_hidden_layers = config.num_hidden_layers, 99
    assert gguf_files.configuration(file).num_hidden_layers == layers
    assert len(read) == 2
    elsewhere.write_gguf(elsewhere.llama(), file, "Q8_0")
    assert (gguf_files.kind(file), len(read)) == ("Q8_0", 3)
