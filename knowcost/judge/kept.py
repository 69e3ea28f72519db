"""Replies of judges, a file each: what was paid for is never asked again.

A file holds what was asked, word by word, what was replied, and its own digest. Its name is the digest of what was
asked: the rubric and its version, the judge, the messages, the temperature and the limit of the reply. So a file
answers one question, wherever it came from, and one that is damaged, half-written or renamed is never taken for a
judgement.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from knowcost.common import files, paths, seal
from knowcost.common.errors import InputError
from knowcost.judge.request import Reply, Request
from knowcost.judge.rubric import Rubric

DIGEST = "sha256"  # of all else in the file
_FIELDS = {"text": str, "model": str, "prompt_tokens": int, "reply_tokens": int}


def key(rubric: Rubric, request: Request) -> str:
    """What a judgement is kept by: the same for the same question under the same rubric, and for no other."""
    return seal.of_values(_asked(rubric, request))


def read(key: str) -> tuple[Reply, ...] | None:
    """The replies to a question, in the order in which they came; none where it is longer than the judge reads, and
    None where it has not been asked.

    Raises InputError for a file that is not what `write` wrote, or was renamed.
    """
    path = Path(paths.judgement(key))
    try:
        kept = files.read_json(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); mend that and run again") from None
    except (ValueError, RecursionError) as error:
        raise _damaged(path, f"no JSON: {error}") from None
    if not isinstance(kept, dict) or kept.pop(DIGEST, None) != seal.of_values(kept):
        raise _damaged(path, f"its {DIGEST} is not that of the rest of it")
    if seal.of_values(kept.get("asked")) != key:
        raise _damaged(path, "it answers another question than its name says")
    replies = kept.get("replies")
    if not isinstance(replies, list) or not all(map(_is_reply, replies)):
        raise _damaged(path, f"expected replies with {', '.join(_FIELDS)}")
    return tuple(Reply(**each) for each in replies)


def check() -> None:
    """Raise InputError where replies cannot be kept: what cannot is not to be paid for."""
    folder = Path(paths.JUDGEMENTS)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            f"{folder}: replies cannot be kept there ({error.strerror}); mend that and run again"
        ) from None


def write(rubric: Rubric, request: Request, replies: Sequence[Reply]) -> None:
    """Keep all replies to a question, none where it is longer than the judge reads. Whoever writes it at the same time,
    one of the files stays, whole."""
    kept = {"asked": _asked(rubric, request), "replies": [asdict(reply) for reply in replies]}
    files.write_json(paths.judgement(key(rubric, request)), {**kept, DIGEST: seal.of_values(kept)})


def _asked(rubric: Rubric, request: Request) -> dict[str, Any]:
    return {
        "rubric": rubric.name,
        "rubric_version": rubric.version,
        "model": request.model,
        "temperature": float(request.temperature),  # 0 and 0.0 are one
        "max_tokens": request.max_tokens,
        "messages": request.chat,
    }


def _is_reply(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == _FIELDS.keys()
        and all(type(value[name]) is kind for name, kind in _FIELDS.items())
    )


def _damaged(path: Path, why: str) -> InputError:
    return InputError(f"{path}: damaged or no judgement ({why}); delete it, and it is asked for again")
