"""No text of the program depends on the locale: whatever opens one says which encoding."""

import ast
import subprocess
import sys

import pytest

OPENERS = ("open", "fdopen", "read_text", "write_text", "NamedTemporaryFile", "FileHandler")


def _says_nothing(call):
    """Whether a call opens a text without an encoding."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
    keywords = {keyword.arg for keyword in call.keywords}
    words = [a.value for a in (*call.args, *(k.value for k in call.keywords)) if isinstance(a, ast.Constant)]
    binary = any(isinstance(word, str) and len(word) <= 3 and "b" in word for word in words)
    return (
        name in OPENERS
        and ast.unparse(call.func) != "os.open"
        and "encoding" not in keywords
        and "utf-8" not in words
        and not binary
    )


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("path.read_text()", True), ("path.read_text(encoding='utf-8')", False), ("open(p, 'w')", True),
        ("open(p, mode='rb')", False), ("logging.FileHandler(p)", True), ("f.write_text(x)", True),
        ("f.read_text('utf-8')", False), ("os.open(p, os.O_RDONLY)", False),
    ],
)  # fmt: skip
def test_the_check_itself(line, found):
    assert _says_nothing(ast.parse(line).body[0].value) is found


def test_every_text_is_opened_with_its_encoding(root):
    sources = [*root.glob("knowcost/**/*.py"), *root.glob("workflow/scripts/*.py")]
    calls = [
        (f"{path.relative_to(root)}:{node.lineno}", node)
        for path in sources
        for node in ast.walk(ast.parse(path.read_bytes()))
        if isinstance(node, ast.Call)
    ]
    assert len(calls) > 1000
    assert [where for where, call in calls if _says_nothing(call)] == []


def test_what_is_printed_where_only_ascii_can_be(root, tmp_path):
    said = subprocess.run(
        [sys.executable, "-c", "from knowcost import __main__ as m; m.speak_anyhow(); print('Gr\\xf6\\xdfe')"],
        env={"PYTHONPATH": str(root), "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        capture_output=True,
        cwd=tmp_path,
    )
    assert said.stdout.strip() == b"Gr\\xf6\\xdfe", said.stderr
