"""Tables of the report."""

GONE = "\N{EN DASH}"  # a missing cell


def plain(frame, title, note, folded=False, decimals=1):
    numeric = {name: frame[name].dtype.kind in "fiu" for name in frame.columns}
    columns = [(name.replace("_percent", " (%)").replace("_", " "), number) for name, number in numeric.items()]
    rows = [
        [(text(value, decimals), "number" if numeric[name] else "") for name, value in row.items()]
        for row in frame.to_dict("records")
    ]
    return {"title": title, "note": note, "folded": folded, "columns": columns, "rows": rows}


def text(value, decimals=1):
    """A table cell: fixed decimals, none for whole numbers, a dash for nan."""
    if isinstance(value, str):
        return value
    if value != value:
        return GONE
    return f"{value:,d}" if isinstance(value, int) else f"{round(value, decimals) + 0.0:,.{decimals}f}"
