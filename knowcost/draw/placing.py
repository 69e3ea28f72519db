"""Labels beside points, where they cover nothing: each takes the best of the places around its point, in turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from knowcost.draw.style import GREY, width

LINE = 1.25  # height of a line of text, times the size of its letters
AWAY = (9, 14, 20, 28, 38, 50, 64, 80)  # points between a point and its label
AROUND = np.radians([0, 180, 30, -30, 150, 210, 60, -60, 120, 240, 90, -90])  # anticlockwise from a point's right
MOST = 9  # points that a label may cover, at most
UNCLEAR = 4  # what it costs that a label stands nearer to another point than to its own, in points covered
MARGIN = np.array([-3, -2, 3, 2])  # around a label, in points

BEHIND: dict[str, Any] = {"facecolor": "white", "edgecolor": "none", "pad": 0.3, "alpha": 0.75}


@dataclass(frozen=True)
class Label:
    """What is written beside a point. at: the point in data; text: its lines, of which all but the first are grey; url:
    where it leads, None for nowhere."""

    at: tuple[float, float]
    lines: tuple[str, ...]
    colour: str
    url: str | None = None


def place(
    axis: Axes, labels: Sequence[Label], points: np.ndarray, lines: Sequence[np.ndarray], size: float = 8.5
) -> int:
    """Write labels into a panel of a figure that is laid out (`Figure.draw_without_rendering`), those that matter most
    first; returns how many were left out, since they would cover others, or too much.

    points, and the corners of lines, that labels had better not cover: each n x 2 in data. size: of the letters, in
    points.
    """
    scale = 72 / axis.figure.dpi  # from pixels to points

    def to_points(data: Any) -> np.ndarray:
        return np.asarray(axis.transData.transform(np.atleast_2d(data)) * scale)

    box = np.array(axis.get_window_extent().extents) * scale
    others = [*to_points(points), *(point for line in lines for point in _along(to_points(line)))]
    labelled, taken = to_points([label.at for label in labels]), list[np.ndarray]()
    for label, at in zip(labels, labelled, strict=True):
        places = [
            (_cost(found, np.array(others), labelled, at) + away / 40, found)
            for away, found in _places(at, _extent(label.lines, size))
            if _is_free(found, box, taken) and not _covered(_leader(at, found), taken)
        ]
        cost, found = min(places, key=lambda each: each[0], default=(np.inf, box))
        if cost <= MOST:
            taken.append(found)
            others += [*_leader(at, found)]
            _write(axis, label, found - [*at, *at], size)
    return len(labels) - len(taken)


def _along(corners: np.ndarray, step: float = 3) -> np.ndarray:
    """Points along a line, n x 2, about `step` apart."""
    far = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(corners, axis=0).T))])
    at = np.arange(0, far[-1], step)
    return np.column_stack([np.interp(at, far, corners[:, side]) for side in (0, 1)])


def _leader(at: np.ndarray, box: np.ndarray) -> np.ndarray:
    """Points along the line from a point to its label, without its beginning."""
    return _along(np.array([at, np.clip(at, box[:2], box[2:])]))[2:]


def _covered(points: np.ndarray, boxes: Sequence[np.ndarray]) -> int:
    """How many of these points lie in these boxes."""
    return sum(int(((points > box[:2]) & (points < box[2:])).all(axis=1).sum()) for box in boxes)


def _is_nearer(points: np.ndarray, at: np.ndarray, box: np.ndarray) -> bool:
    """Whether a label is as near to another of the labelled points as to its own."""
    far = np.hypot(*(points - np.clip(points, box[:2], box[2:])).T)
    own = np.hypot(*(at - np.clip(at, box[:2], box[2:])))
    return bool((far[(points != at).any(axis=1)] < own + 2).any())


def _extent(lines: Sequence[str], size: float) -> tuple[float, float]:
    """Width and height of lines of text, in points."""
    return max(width(line, size) for line in lines) + 2, LINE * size * len(lines)


def _places(at: np.ndarray, extent: tuple[float, float]) -> Iterator[tuple[float, np.ndarray]]:
    """How far off, and the box (left, bottom, right, top) of every place around a point."""
    for away in AWAY:
        for angle in AROUND:
            towards = np.array([np.cos(angle), np.sin(angle)])
            corner = at + away * towards - np.array(extent) * (1 - towards) / 2
            yield away, np.array([*corner, *(corner + extent)])


def _cost(box: np.ndarray, points: np.ndarray, labelled: np.ndarray, at: np.ndarray) -> float:
    """How bad a place is: how many points it covers, and whether it could be another one's label."""
    return _covered(points, [box + MARGIN]) + UNCLEAR * _is_nearer(labelled, at, box)


def _is_free(box: np.ndarray, axis: np.ndarray, taken: Sequence[np.ndarray]) -> bool:
    """Whether a place lies inside the axis and covers no other label."""
    inside = (box[:2] >= axis[:2]).all() and (box[2:] <= axis[2:]).all()
    return bool(inside) and not any(_overlaps(box + MARGIN, other) for other in taken)


def _overlaps(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.minimum(one[2:], other[2:]) > np.maximum(one[:2], other[:2])).all())


def _write(axis: Axes, label: Label, off: np.ndarray, size: float) -> None:
    """Write a label; off: its box, in points from its point."""
    left, bottom, right, top = off
    if np.hypot(np.clip(0, left, right), np.clip(0, bottom, top)) > AWAY[0] + 4:
        end = (np.clip(0, left, right), np.clip(0, bottom, top))
        axis.annotate("", label.at, end, textcoords="offset points", zorder=2,
                      arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.6, "shrinkB": 4})  # fmt: skip
    for number, line in enumerate(label.lines):
        text = axis.annotate(
            line, label.at, (left, top - LINE * size * (number + 0.2)), textcoords="offset points", va="top",
            fontsize=size, color=GREY if number else label.colour, zorder=2.5, bbox=BEHIND,
        )  # fmt: skip
        text.set_url(label.url)
        text.set_in_layout(False)
