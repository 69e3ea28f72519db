"""The page's own script, and what the page's policy lets run.

One script element runs, made of the files below. The policy names it by its hash, so that nothing else does, whatever a
fact, a name or an answer holds; scripts beside the page run because that script loads them.
"""

import base64
import hashlib
import re
from pathlib import Path

TEMPLATES = Path(__file__).with_name("templates")
FILES = ("state.js", "budget.js", "explore*.js")  # in this order; those of a pattern by their names
_FOR_READERS = re.compile(r"^\s*/\*.*?\*/\n|^\s+", re.MULTILINE | re.DOTALL)


def script() -> str:
    """The text of the page's script, as it stands between its tags: without indentation, empty lines, and
    comments on lines of their own."""
    paths = [path for pattern in FILES for path in sorted(TEMPLATES.glob(pattern))]
    return _FOR_READERS.sub("", "".join(path.read_text(encoding="utf-8") for path in paths))


def policy(text: str) -> str:
    """The Content-Security-Policy of a page whose script is `text`: no request leaves the page."""
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}' 'strict-dynamic'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
