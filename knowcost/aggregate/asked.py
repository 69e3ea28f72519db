"""How many facts were asked, and in how many phrasings, in words. The page reads this and loads no scipy for it."""

import pandas as pd


def asked(scores: pd.DataFrame, phrasings: pd.DataFrame) -> dict[str, str]:
    """{benchmark: "2,000 facts", or "200 facts in 3 phrasings"}: what these cells asked, in the order of the cells.

    scores: rows of the table, whose n counts rows; phrasings: the table of that name. It leaves out facts of one
    phrasing.
    """
    rows = scores.groupby("benchmark", sort=False)["n"].max()
    several = phrasings.groupby("benchmark")[["facts", "phrasings"]].max().reindex(rows.index, fill_value=0)
    facts = rows - several["phrasings"] + several["facts"]
    return {str(name): _in_words(facts[name], rows[name]) for name in rows.index}


def _in_words(facts: float, rows: float) -> str:
    words = f"{facts:,.0f} fact{'' if facts == 1 else 's'}"
    if facts == rows or pd.isna(rows):
        return words
    each = rows / facts
    return f"{words} in {each:.0f} phrasings" if each == int(each) else f"{words} in {each:.1f} phrasings on average"
