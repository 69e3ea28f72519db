"""The page's script and the policy that lets nothing else run."""

import base64
import hashlib

from knowcost.report import scripts


def test_the_script_is_its_files_in_order(tmp_path, monkeypatch):
    for name, text in (("explore_b.js", "4;\n"), ("state.js", "1;\n"), ("explore.js", "3;\n"), ("other.js", "5;\n")):
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(scripts, "TEMPLATES", tmp_path)
    assert scripts.script() == "1;\n3;\n4;\n"


def test_comments_and_indentation_stay_in_the_files(tmp_path, monkeypatch):
    (tmp_path / "state.js").write_text("/* What\n   it does. */\n{\n  /* one */\n  f(1); /* two */\n\n    g();\n}\n")
    monkeypatch.setattr(scripts, "TEMPLATES", tmp_path)
    assert scripts.script() == "{\nf(1); /* two */\ng();\n}\n"


def test_the_policy_names_the_script_by_its_hash():
    digest = base64.b64encode(hashlib.sha256("x('é')".encode()).digest()).decode()
    rules = dict(rule.split(" ", 1) for rule in scripts.policy("x('é')").split("; "))
    assert rules["script-src"] == f"'sha256-{digest}' 'strict-dynamic'"
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    assert rules["img-src"] == "data:" and "connect-src" not in rules


def test_scripts_are_small_and_cannot_end_their_element():
    texts = [path.read_text(encoding="utf-8") for path in scripts.TEMPLATES.glob("*.js")]
    assert 0 < len(scripts.script().encode()) <= 30_000
    assert "".join(sorted(texts)) == "".join(sorted(texts)).replace("\r", "")  # a browser would hash other bytes
    assert not any("</script" in text.lower() or "<!--" in text for text in texts)
