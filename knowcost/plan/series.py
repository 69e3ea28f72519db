"""Models of one making in several sizes: the column `series` of the model table."""

from collections.abc import Mapping

from knowcost.common.errors import InputError

Row = Mapping[str, str]


def check(where: str, rows: Mapping[str, Row], brought: Mapping[str, Row]) -> None:
    """Raise InputError for a series of models of two families, one that is named as a model outside it or as another
    series but for capitals, and one of a version that was compressed elsewhere, which belongs to its parent's.

    where: the table; rows: of dense models.
    """
    for name, row in brought.items():
        if row.get("series"):
            raise InputError(
                f"{where}: row {name!r}: series is {row['series']!r}, but a version is a point of its parent's "
                f"picture; write it in the row {row['parent']!r}"
            )
    first: dict[str, str] = {}
    spelled: dict[str, str] = {}
    models = {name.lower(): name for name in rows}  # pictures are files, and some file systems know no capitals
    for name, series in of(rows).items():
        if (as_before := spelled.setdefault(series.lower(), series)) != series:
            raise InputError(
                f"{where}: row {name!r}: series {series!r} and {as_before!r} differ in nothing but capitals; write "
                "them alike, or call one of them otherwise"
            )
        other = first.setdefault(series, name)
        if rows[other]["family"] != rows[name]["family"]:
            raise InputError(
                f"{where}: series {series!r} has {other!r} of family {rows[other]['family']!r} and {name!r} of family "
                f"{rows[name]['family']!r}, which are not asked the same; give one of them another series, or none"
            )
        namesake = models.get(series.lower())
        if namesake and rows[namesake].get("series") != series:
            raise InputError(
                f"{where}: row {name!r}: series {series!r} is the name of a model that is not in it; write "
                f"{series!r} into the series of {namesake!r} too, or call the series otherwise"
            )


def of(rows: Mapping[str, Row]) -> dict[str, str]:
    """{model: its series} of the rows that have one."""
    return {name: row["series"] for name, row in rows.items() if row.get("series")}
