"""Addresses of the web as they may be shown and stored: without what a user may have to keep to themselves.

The query of an address (`?token=...`) may be a key to it. So whatever is written or said has `?hidden-` and a digest in
its place: two queries stay two addresses, and Snakemake sees when one changes. A user and password are not taken in an
address at all (plan/config.py).

A job needs the address in full, though. Snakemake writes parameters, configuration and the text of scripts into
.snakemake/, so the queries are handed down in the environment: every process that runs a script has planned the study
itself (workflow/rules/common.smk), on a cluster too, and its child inherits them. Each is a variable of its own, since
Linux allows 128 kB for one.
"""

import hashlib
import os
import re
from collections.abc import Iterable

CERTIFICATES = "SSL_CERT_FILE or SSL_CERT_DIR in the environment"  # by which servers are known
VARIABLE = "KNOWCOST_QUERY_"  # and the digest of the query
_HIDDEN = re.compile(r"hidden-([0-9a-f]{12})")
_LOGIN = re.compile(r"[a-z][a-z0-9+.-]*://([^/?#]*@|[^/?#@]*:(?![0-9]*([/?#]|$))(?!.*\]))", re.I)
_ANY = re.compile(r"""\b(https?://)(?:[^\s/?#'"@]*@)?([^\s?#'"<>]*)(?:\?([^\s#'"<>]*[^\s#'"<>.,:;)]))?""", re.I)


def has_login(address: str) -> bool:
    """Whether an address names a user or a password, or what stands in the place of a port and is none."""
    return bool(_LOGIN.match(address))


def hidden(address: str) -> str:
    """An address of http or https with its query hidden; anything else as it is."""
    before, mark, query = address.partition("#")[0].partition("?")
    if not before.lower().startswith(("https://", "http://")) or not query:
        return address
    return before + mark + _digest(query) + address[len(before) + 1 + len(query) :]


def hide(text: str) -> str:
    """A text with users, passwords and queries of all addresses in it hidden."""
    return _ANY.sub(lambda found: found[1] + found[2] + (f"?{_digest(found[3])}" if found[3] else ""), text)


def _digest(query: str) -> str:
    return query if _HIDDEN.fullmatch(query) else f"hidden-{hashlib.sha256(query.encode()).hexdigest()[:12]}"


def hand_down(in_full: Iterable[str]) -> None:
    """Let the processes that this one starts know these addresses."""
    for address in in_full:
        query = address.partition("#")[0].partition("?")[2]
        os.environ[VARIABLE + _digest(query).removeprefix("hidden-")] = query


def in_full(address: str) -> str:
    """An address as the user wrote it, where it was handed down; else as it is."""
    return _HIDDEN.sub(lambda found: os.environ.get(VARIABLE + found[1], found[0]), address)
