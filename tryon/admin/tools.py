"""Picture tools in the admin: a garment's page with its pictures, a form per tool, and every version beside its source.

``ToolsMixin`` is part of ``GarmentAdminMixin``.
"""

from __future__ import annotations

import base64
import binascii
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseNotAllowed, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from tryon.admin.base import COMPARE, AdminPagesMixin, staff_user
from tryon.admin.pictures import private_file, source_url
from tryon.admin.words import staff_text, status_chip
from tryon.choices import Operation, Status
from tryon.errors import TryOnError
from tryon.garments import bring_back
from tryon.models import LIVE, FormerPicture, Garment, TryOnOutput, TryOnResult
from tryon.studio import tools
from tryon.studio.money import money
from tryon.studio.options import OptionsForm
from tryon.studio.permissions import SEE_SPEND

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse, HttpResponseBase
    from django.urls import URLPattern

    from tryon.providers.base import Provider

TOKEN_LIFETIME = timedelta(hours=6)
SIZES = ("full", "card", "thumb")
CHANGE_PICTURE = "tryon.change_garment"
DRAWING_BYTES = 4 * 1024 * 1024


class BoxForm(forms.Form):
    """A rectangle in percent of the picture: marks what should go without drawing."""

    left = forms.FloatField(label=gettext_lazy("Left"), min_value=0, max_value=100, required=False)
    top = forms.FloatField(label=gettext_lazy("Top"), min_value=0, max_value=100, required=False)
    width = forms.FloatField(label=gettext_lazy("Width"), min_value=0, max_value=100, required=False)
    height = forms.FloatField(label=gettext_lazy("Height"), min_value=0, max_value=100, required=False)

    def boxes(self) -> list[tools.Box]:
        given = self.cleaned_data
        if not given.get("width") or not given.get("height"):
            return []
        return [tools.Box(given.get("left") or 0, given.get("top") or 0, given["width"], given["height"])]


class Bench:
    """What is chosen on the page: a picture, a tool, a maker, and the form these make."""

    def __init__(self, garment: Garment, request: HttpRequest) -> None:
        data = request.POST if request.method == "POST" else request.GET
        self.garment = garment
        self.sees_spend = staff_user(request).has_perm(SEE_SPEND)
        self.sources = list(tools.pictures(garment)[: tools.VERSIONS])
        self.source = next((one for one in self.sources if str(one.pk) == data.get("source")), None)
        self.tools = tools.usable(garment)
        self.tool = next((one for one in self.tools if one.operation == data.get("tool")), None)
        self.tool = self.tool or next(iter(self.tools), None)
        self.makers = tools.makers(self.tool.operation, garment) if self.tool else []
        self.maker: Provider | None = next((one for one in self.makers if one.alias == data.get("maker")), None)
        self.maker = self.maker or next(iter(self.makers), None)
        bound = request.POST if request.method == "POST" else None
        self.form = OptionsForm(self.maker, self.tool.operation, bound) if self.maker and self.tool else None
        self.box = BoxForm(bound, prefix="box")

    @property
    def quote(self) -> tools.Quote | None:
        return tools.quote(self.order(), with_money=self.sees_spend) if self.maker else None

    def order(self, *, mask: bytes | None = None) -> tools.Order:
        assert self.tool is not None and self.maker is not None  # noqa: S101, PT018 - asked before
        options = self.form.given() if self.form and self.form.is_bound and self.form.is_valid() else {}
        return tools.Order(self.tool.operation, self.garment, self.maker.alias, self.source, options, mask)

    def is_valid(self) -> bool:
        return bool(self.form and self.form.is_valid() and (not self.tool_takes_mask or self.box.is_valid()))

    @property
    def tool_takes_mask(self) -> bool:
        return bool(self.tool and self.tool.takes_mask)

    def drawn(self, drawing: str) -> bytes | None:
        """The mask from the canvas (a data URI) and the rectangle. Raises TryOnError."""
        data: bytes | None = None
        if drawing:
            try:
                data = base64.b64decode(drawing.partition(",")[2][: DRAWING_BYTES * 4 // 3], validate=True)
            except binascii.Error as error:
                raise TryOnError("malformed_image", "the drawing") from error
        return tools.drawn_mask(tools.size_of(self.garment, self.source), data, self.box.boxes())

    def query(self, **changes: str) -> dict[str, str]:
        chosen = {
            "tool": self.tool.operation.value if self.tool else "",
            "source": str(self.source.pk) if self.source else "",
            "maker": self.maker.alias if self.maker else "",
        }
        return {name: value for name, value in {**chosen, **changes}.items() if value}


class ToolsMixin(AdminPagesMixin):
    """For the admin of garments: ``<pk>/tools/`` and what its buttons do."""

    @property
    def media(self) -> forms.Media:
        ours = forms.Media(css={"all": ["tryon/studio-tools.css"]}, js=[COMPARE, "tryon/studio-tools.js"])
        return super().media + ours

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        return [
            path("<int:pk>/tools/", wrap(self.tools_view), name="tryon_garment_tools"),
            path("<int:pk>/tools/act/", wrap(self.tools_act_view), name="tryon_garment_tools_act"),
            path(
                "<int:pk>/versions/<uuid:output>/<str:size>/",
                wrap(self.version_view),
                name="tryon_garment_version",
            ),
            path("<int:pk>/former/<int:former>/", wrap(self.former_view), name="tryon_garment_former"),
            *super().get_urls(),
        ]

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        obj = kwargs.get("obj")
        if obj is not None and obj.pk:
            context["tryon_links"] = [(_("Picture tools"), self.page("garment_tools", obj.pk))]
        return super().render_change_form(request, context, *args, **kwargs)

    # ------------------------------------------------------------ the page

    def tools_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """GET shows it for ``?tool=&source=&maker=``; POST runs the tool."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        garment = get_object_or_404(self.get_queryset(request), pk=pk)
        bench = Bench(garment, request)
        if request.method == "POST":
            answer = self._run(request, bench)
            if answer is not None:
                return answer
        return self._tools_page(request, bench)

    def _run(self, request: HttpRequest, bench: Bench) -> HttpResponse | None:
        if not self.has_generate_permission(request):
            raise PermissionDenied
        if bench.tool is None or bench.maker is None or not bench.is_valid():
            self.message_user(request, _("Please correct the fields below."), messages.ERROR)
            return None
        here = self.page("garment_tools", bench.garment.pk, **bench.query())
        token = request.POST.get("token", "")[:64]
        try:
            mask = bench.drawn(request.POST.get("drawing", "")) if bench.tool_takes_mask else None
            if token and not cache.add(f"tryon-tool-{token}", 1, TOKEN_LIFETIME.total_seconds()):
                self.message_user(request, _("That was ordered already: the form came in twice."), messages.INFO)
                return HttpResponseRedirect(here)
            tools.request(bench.order(mask=mask), user=staff_user(request))  # type: ignore[arg-type]
        except TryOnError as error:
            cache.delete(f"tryon-tool-{token}")
            words = error.detail if error.code == "invalid" else staff_text(error.code, error.params)
            self.message_user(request, words, messages.ERROR)
            return None
        words = _("%(tool)s is on its way. The new version appears below.") % {"tool": bench.tool.name}
        self.message_user(request, words, messages.SUCCESS)
        return HttpResponseRedirect(here)

    def _tools_page(self, request: HttpRequest, bench: Bench) -> HttpResponse:
        request.current_app = self.admin_site.name
        garment, quote = bench.garment, bench.quote
        rows = list(tools.runs(garment)[: tools.VERSIONS])
        context = {
            **self.admin_site.each_context(request),
            "title": _("Picture tools"),
            "subtitle": str(garment),
            "opts": self.opts,
            "media": self.media,
            "garment": garment,
            "bench": bench,
            "quote": quote,
            "price": _price(quote) if quote else "",
            "picture_url": self._picture_url(garment, bench.source),
            "picture_size": tools.size_of(garment, bench.source),
            "choices": self._choices(bench),
            "tool_links": [
                (tool, self.page("garment_tools", garment.pk, **bench.query(tool=tool.operation.value, maker="")))
                for tool in bench.tools
            ],
            "maker_links": [
                (maker, self.page("garment_tools", garment.pk, **bench.query(maker=maker.alias)))
                for maker in bench.makers
            ],
            "runs": [self._run_row(request, garment, row) for row in rows],
            "running": sum(row.status in LIVE for row in rows),
            "formers": [
                (former, self.page("garment_former", garment.pk, former.pk))
                for former in garment.former_pictures.select_related("replaced_by")[: tools.VERSIONS]
            ],
            "can_generate": self.has_generate_permission(request),
            "can_exchange": staff_user(request).has_perm(CHANGE_PICTURE),
            "token": uuid.uuid4().hex,
            "act_url": self.page("garment_tools_act", garment.pk),
            "form_url": self.page("garment_tools", garment.pk),
            "list_url": self.page("garment_changelist"),
            "change_url": self.page("garment_change", garment.pk),
        }
        return TemplateResponse(request, "admin/tryon/garment/tools.html", context)

    def _choices(self, bench: Bench) -> list[dict[str, Any]]:
        """The pictures that can be worked on: the garment's own first."""
        garment = bench.garment
        own = {
            "url": self.page("garment_tools", garment.pk, **bench.query(source="")),
            "thumb": source_url(garment),
            "words": _("Source picture"),
            "chosen": bench.source is None,
        }
        made = [
            {
                "url": self.page("garment_tools", garment.pk, **bench.query(source=str(output.pk))),
                "thumb": self.page("garment_version", garment.pk, output.pk, "thumb"),
                "words": _made_words(output),
                "chosen": bench.source is not None and bench.source.pk == output.pk,
            }
            for output in bench.sources
        ]
        return [own, *made]

    def _picture_url(self, garment: Garment, source: TryOnOutput | None, size: str = "full") -> str:
        if source is None:
            return source_url(garment, "full" if size == "full" else "thumb")
        return self.page("garment_version", garment.pk, source.pk, size)

    def _run_row(self, request: HttpRequest, garment: Garment, row: TryOnResult) -> dict[str, Any]:
        output = next(iter(row.outputs.all()), None)
        kind = output.mime.partition("/")[0] if output and output.mime else "image"
        problem = staff_text(row.error_code, row.error_params) if row.error_code and row.status not in LIVE else ""
        return {
            "row": row,
            "tool": tools.TOOLS[Operation(row.operation)],
            "chip": status_chip(row.status),
            "problem": problem if row.status != Status.SUCCEEDED else "",
            "output": output,
            "kind": kind,
            "full": self.page("garment_version", garment.pk, output.pk, "full") if output else "",
            "card": self.page("garment_version", garment.pk, output.pk, "card") if output and kind == "image" else "",
            "before": self._picture_url(garment, row.source, "card"),
            "edit": self.page("garment_tools", garment.pk, source=str(output.pk)) if output else "",
        }

    # ------------------------------------------------------------ exchanging the garment's picture

    def tools_act_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """POST ``use=<output>`` or ``restore=<former picture>``."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not staff_user(request).has_perm(CHANGE_PICTURE):
            raise PermissionDenied
        garment = get_object_or_404(self.get_queryset(request), pk=pk)
        if "restore" in request.POST:
            self._restore(request, garment, request.POST["restore"])
        else:
            self._use(request, garment, request.POST.get("use", ""))
        return HttpResponseRedirect(self.page("garment_tools", garment.pk))

    def _use(self, request: HttpRequest, garment: Garment, key: str) -> None:
        output = _found(tools.pictures(garment), key)
        try:
            tools.use_as_picture(output, user=staff_user(request))  # type: ignore[arg-type]
        except TryOnError as error:
            self.message_user(request, staff_text(error.code, error.params), messages.ERROR)
            return
        words = _("This version is now the garment’s picture. The former one is kept below and can be brought back.")
        self.message_user(request, words, messages.SUCCESS)

    def _restore(self, request: HttpRequest, garment: Garment, key: str) -> None:
        former = garment.former_pictures.filter(pk=key).first() if key.isdecimal() and len(key) < 19 else None
        if former is None:
            raise Http404
        bring_back(former, user=staff_user(request))
        self.log_change(request, garment, _("A former picture was brought back."))
        self.message_user(request, _("The former picture is back. The other one is kept."), messages.SUCCESS)

    # ------------------------------------------------------------ files

    def version_view(self, request: HttpRequest, pk: int, output: UUID, size: str) -> HttpResponseBase:
        """A picture, clip or sound made of this garment for the shop; never a shopper's."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        row = TryOnOutput.objects.filter(pk=output, result__garment=pk, result__shopper=None).first()
        if row is None or size not in SIZES:
            raise Http404
        file = {"full": row.file, "card": row.card or row.file, "thumb": row.thumb or row.file}[size]
        return private_file(file, row.mime)

    def former_view(self, request: HttpRequest, pk: int, former: int) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return private_file(get_object_or_404(FormerPicture, pk=former, garment=pk).image)


def _found(outputs: Any, key: str) -> TryOnOutput:
    try:
        output: TryOnOutput | None = outputs.filter(pk=UUID(key)).first()
    except ValueError:
        output = None
    if output is None:
        raise Http404
    return output


def _made_words(output: TryOnOutput) -> str:
    row = output.result
    if row.operation == Operation.MODEL_SHOT:
        return _("Shot on %(model)s") % {"model": row.preset_model} if row.preset_model else _("Shot")
    return str(tools.TOOLS[Operation(row.operation)].name)


def _price(quote: tools.Quote) -> str:
    if quote.free:
        return _("Free: made on this server.") if not quote.leaves_server else _("Free.")
    if quote.least == quote.most:
        return _("Costs %(most)s.") % {"most": money(quote.most)}
    return _("Costs %(least)s to %(most)s.") % {"least": money(quote.least), "most": money(quote.most)}
