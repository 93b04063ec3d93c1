"""One shot in words and chips, for the lists and for its own page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.pictures import picture
from tryon.admin.words import chip, duration, fix_text, staff_text
from tryon.choices import Operation, Status
from tryon.models import Review, TryOnResult
from tryon.studio import tools

if TYPE_CHECKING:
    from django.utils.safestring import SafeString

    from tryon.admin.base import AdminPagesMixin

HIDDEN = gettext_lazy("hidden: compared without names")


def is_shot(row: TryOnResult) -> bool:
    """Made for the shop: an on-model shot or an edited version. ``pictures.for_shop`` says it to the database."""
    return row.shopper_id is None and row.operation != Operation.TRY_ON


def tool_name(row: TryOnResult) -> str:
    """The picture tool that made it; "" for an on-model shot."""
    tool = tools.TOOLS.get(Operation(row.operation))
    return str(tool.name) if tool else ""


def kind_words(row: TryOnResult) -> str:
    """Who wears it, or what was done to it."""
    return tool_name(row) or _("on %(model)s") % {"model": row.preset_model or _("made-up model")}


def alt_of(row: TryOnResult) -> str:
    if tool := tool_name(row):
        return _("%(garment)s, %(tool)s. AI-generated") % {"garment": row.garment, "tool": tool}
    model = row.preset_model or _("made-up model")
    return _("%(garment)s worn by %(model)s. AI-generated") % {"garment": row.garment, "model": model}


def made_picture(pages: AdminPagesMixin, row: TryOnResult, size: str = "thumb", css: str = "tryon-thumb") -> SafeString:
    """The picture made for the shop; an empty frame while there is none, and always for a shopper's."""
    output = next(iter(row.outputs.all()), None)
    if not is_shot(row) or output is None:
        return format_html('<span class="{} tryon-no-picture tryon-frame-{}"></span>', css, row.status)
    if output.mime:  # a clip or a sound
        return format_html('<span class="{} tryon-no-picture">{}</span>', css, tool_name(row) or output.mime)
    return picture(pages.page("tryonresult_picture", output.pk, size), alt_of(row), css)


def review_chips(row: TryOnResult) -> list[SafeString]:
    """What the shop thinks of it."""
    words = {
        Review.TO_REVIEW.value: (_("To review"), "wait"),
        Review.APPROVED.value: (_("Approved"), "good"),
        Review.REJECTED.value: (_("Rejected"), "bad"),
    }
    outputs = list(row.outputs.all())
    found = [chip(*words[review]) for review in dict.fromkeys(one.review for one in outputs) if review in words]
    if any(output.published_at for output in outputs):
        found = [chip(_("Published"), "live")]
        if any(output.stale_at for output in outputs):
            found.append(chip(_("Stale"), "note"))
    return found


def taken(row: TryOnResult) -> str:
    """How long it took to make; "" when it is not over, or never began."""
    if not row.started_at or not row.finished_at:
        return ""
    return duration(row.finished_at - row.started_at)


def problem(row: TryOnResult) -> SafeString | str:
    """What went wrong and what to do about it; "" when nothing did."""
    if not row.error_code or row.status == Status.SUCCEEDED:
        return ""
    detail = f" ({row.error_detail})" if row.error_detail else ""
    fix = fix_text(row.error_code) if is_shot(row) else ""
    return format_html(
        '<span class="tryon-problem">{}{}</span><span class="tryon-fix">{}</span>',
        staff_text(row.error_code, row.error_params),
        detail,
        fix,
    )
