"""Pictures of numbers: inline SVG without a style of its own, the same numbers as a table, and as CSV.

Colours come from classes in admin.css. The SVG holds shapes only and is stretched to its place; words stand beside it
as HTML, so that they keep their size on a phone.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.http import HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

SERIES_COLOURS = 8
HEIGHT, STEP, BAR = 100, 10, 8


@dataclass(frozen=True, slots=True)
class Cell:
    """``words`` for people, ``raw`` for the CSV file, ``quiet`` in small below the words."""

    words: str
    raw: object = ""
    quiet: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of a stack: heights, and what the table says about each."""

    name: str
    colour: int | str  # a number, or good, bad, quiet
    heights: Sequence[float]
    cells: Sequence[Cell]


@dataclass(frozen=True, slots=True)
class Line:
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Plot:
    """Stacked bars over time."""

    key: str
    title: str
    labels: Sequence[Cell]  # of the bars
    series: Sequence[Series]
    top_words: str  # the height of the whole picture, in words
    top: float
    line: Line | None = None
    note: str = ""

    kind = "bars"

    @property
    def empty(self) -> bool:
        return not any(any(one.heights) for one in self.series)

    @property
    def head(self) -> list[str]:
        return ["", *(one.name for one in self.series)]

    @property
    def rows(self) -> list[list[Cell]]:
        return [[label, *(one.cells[place] for one in self.series)] for place, label in enumerate(self.labels)]

    @property
    def ticks(self) -> list[str]:
        """Under the bars: the first, the middle one and the last."""
        words = [label.words for label in self.labels]
        return words if len(words) < 3 else [words[0], words[len(words) // 2], words[-1]]

    @property
    def svg(self) -> SafeString:
        shapes = [shape for place in range(len(self.labels)) for shape in self._stack(place)]
        if self.line and self.top:
            y = HEIGHT - HEIGHT * self.line.height / self.top
            shapes.append(
                format_html(
                    '<line class="tryon-cap" x1="0" x2="{}" y1="{}" y2="{}" vector-effect="non-scaling-stroke">'
                    "<title>{}</title></line>",
                    STEP * len(self.labels),
                    _short(y),
                    _short(y),
                    self.line.words,
                )
            )
        return format_html(
            '<svg class="tryon-svg" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
            STEP * len(self.labels),
            HEIGHT,
            _("%(title)s. The numbers are in the table below.") % {"title": self.title},
            format_html_join("", "{}", ((shape,) for shape in shapes)),
        )

    def _stack(self, place: int) -> Iterable[SafeString]:
        y = float(HEIGHT)
        for one in self.series:
            height = HEIGHT * one.heights[place] / self.top if self.top else 0.0
            if height <= 0:
                continue
            y -= height
            yield format_html(
                '<rect class="tryon-series-{}" x="{}" y="{}" width="{}" height="{}"><title>{}: {} {}</title></rect>',
                one.colour,
                STEP * place + (STEP - BAR) // 2,
                _short(y),
                BAR,
                _short(height),
                self.labels[place].words,
                one.name,
                one.cells[place].words,
            )


@dataclass(frozen=True, slots=True)
class Bar:
    """One row of a table, with a bar whose parts are shares of the table's longest."""

    cells: Sequence[Cell]
    parts: Sequence[tuple[int | str, float]] = ()

    @property
    def svg(self) -> SafeString:
        x, shapes = 0.0, []
        for colour, share in self.parts:
            shapes.append((colour, _short(x), _short(100 * share)))
            x += 100 * share
        rects = format_html_join(
            "", '<rect class="tryon-series-{}" x="{}" y="0" width="{}" height="10"></rect>', shapes
        )
        return format_html(
            '<svg class="tryon-bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">{}</svg>', rects
        )


@dataclass(frozen=True, slots=True)
class Table:
    """A row for each thing, with a bar."""

    key: str
    title: str
    head: Sequence[str]
    bars: Sequence[Bar]
    note: str = ""
    legend: Sequence[tuple[int | str, str]] = field(default_factory=tuple)

    kind = "table"

    @property
    def empty(self) -> bool:
        return not self.bars

    @property
    def rows(self) -> list[list[Cell]]:
        return [list(bar.cells) for bar in self.bars]


def colour_of(names: Sequence[str], name: str) -> int:
    """The same provider has the same colour in every picture of a page."""
    return names.index(name) % SERIES_COLOURS if name in names else SERIES_COLOURS - 1


def rounded_up(value: float) -> float:
    """To a number that is easy to read: 1, 1.5, 2 and so on, and their tenfolds."""
    if value <= 0:
        return 0.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value * (1 - 1e-9))


def csv_file(shown: Plot | Table) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="tryon-{shown.key}.csv"'
    writer = csv.writer(answer)
    writer.writerow(shown.head)
    for row in shown.rows:
        writer.writerow([cell.raw for cell in row])
    return answer


def _short(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
