from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from tryon_shop.bag import Bag
from tryon_shop.forms import AddToBagForm, QuantityForm
from tryon_shop.models import Department, Product

SAMPLE_PORTRAIT = Path(__file__).parent / "samples" / "portrait.jpg"


def on_sale() -> QuerySet[Product]:
    """Products with at least one colour, which are read along."""
    return Product.objects.filter(colours__isnull=False).distinct().prefetch_related("colours")


@require_safe
def product_list(request: HttpRequest, department: str = "") -> HttpResponse:
    """The home page, and the pages of the departments."""
    chosen = next((one for one in Department if one.slug == department), None)
    if department and chosen is None:
        raise Http404
    products = list(on_sale().filter(category=chosen) if chosen else on_sale())
    departments = {Department(product.category): product for product in products}  # each with its last product
    context = {"products": products, "chosen": chosen, "departments": departments.items()}
    return render(request, "shop/product_list.html", context)


def product(request: HttpRequest, slug: str, colour_key: str = "") -> HttpResponse:
    """The product page in one of its colours; POST puts that colour in the bag."""
    product = get_object_or_404(on_sale(), slug=slug)
    colours = [colour for colour in product.colours.all() if colour_key in ("", colour.key)]
    if not colours:
        raise Http404
    data = request.POST if request.method == "POST" else None
    form = AddToBagForm(data, initial={"size": request.GET.get("size")}, product=product)
    if form.is_valid():
        Bag(request.session).add(colours[0], form.cleaned_data["size"])
        what = {"name": product.name, "colour": colours[0].name, "size": form.cleaned_data["size"]}
        added = _("%(name)s, %(colour)s, size %(size)s is in your bag.") % what
        messages.success(request, added, extra_tags="bag")
        return redirect(colours[0])
    others = sorted(on_sale().exclude(pk=product.pk), key=lambda other: other.category != product.category)
    gallery = colours[0].gallery
    context = {"product": product, "colour": colours[0], "gallery": gallery, "form": form, "others": others[:4]}
    return render(request, "shop/product.html", context, status=422 if form.errors else 200)


@require_safe
def bag(request: HttpRequest) -> HttpResponse:
    lines = Bag(request.session).lines()
    return render(request, "shop/bag.html", {"lines": lines, "total": sum(line.total for line in lines)})


@require_POST
def change_bag(request: HttpRequest) -> HttpResponse:
    """Set the quantity of a line; 0 removes it."""
    form, bag = QuantityForm(request.POST), Bag(request.session)
    if not form.is_valid():
        return HttpResponseBadRequest("line and quantity are needed", content_type="text/plain")
    if form.cleaned_data["line"] in bag:
        bag.set_quantity(form.cleaned_data["line"], form.cleaned_data["quantity"])
    return redirect("bag")


@require_safe
def language(request: HttpRequest, code: str) -> HttpResponse:
    """Remember the language and go back. By link and not by form: a page without forms is the same for everybody."""
    if code not in dict(settings.LANGUAGES):
        raise Http404
    came_from = request.headers.get("Referer", "")
    safe = url_has_allowed_host_and_scheme(came_from, {request.get_host()}, require_https=request.is_secure())
    response = redirect(came_from if safe else "home")
    response.set_cookie(settings.LANGUAGE_COOKIE_NAME, code, max_age=365 * 86400, samesite="Lax")
    return response


@require_safe
def sample_portrait(request: HttpRequest) -> FileResponse:
    """A free portrait to try things on with, for whoever has no photo at hand."""
    return FileResponse(SAMPLE_PORTRAIT.open("rb"), as_attachment=True, filename="portrait.jpg")
