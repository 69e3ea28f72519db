"""Rows of the model table with a `parent`: compressed versions of other rows' models, which people already have."""

from collections.abc import Mapping

from knowcost.common.errors import InputError

Row = Mapping[str, str]


def parted(where: str, rows: Mapping[str, Row]) -> tuple[dict[str, Row], dict[str, Row]]:
    """(dense models, versions of them that were compressed elsewhere), each {name: row} in the table's order.

    where: the table. Raises InputError for a version whose parent is no dense model of the same family, and for one
    whose row says what is to stay of its archives, since it has none.
    """
    dense = {name: row for name, row in rows.items() if not row.get("parent")}
    brought = {name: row for name, row in rows.items() if row.get("parent")}
    for name, row in brought.items():
        try:
            _check(row, rows, dense)
        except InputError as error:
            raise InputError(f"{where}: row {name!r}: {error}") from None
    return dense, brought


def _check(row: Row, rows: Mapping[str, Row], dense: Mapping[str, Row]) -> None:
    parent, known = row["parent"], ", ".join(dense) or "none"
    if parent not in rows:
        raise InputError(
            f"parent: there is no row named {parent!r}; give the dense model that this is a version of a row of its "
            f"own (dense models here: {known})"
        )
    if parent not in dense:
        raise InputError(
            f"parent: {parent!r} is a compressed version itself, of {rows[parent]['parent']!r}; name the dense model "
            f"(dense models here: {known})"
        )
    if row["family"] != dense[parent]["family"]:
        raise InputError(
            f"family is {row['family']!r}, but that of its parent {parent!r} is {dense[parent]['family']!r}; correct "
            "the column family or parent"
        )
    if row.get("archive"):
        raise InputError(
            f"archive is {row['archive']!r}, but nothing is archived of a version that is asked as it is; leave the "
            "column empty"
        )
