"""The demo shop's addresses. A shop adds try-on with the one line that includes ``tryon.urls``."""

from __future__ import annotations

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.generic import TemplateView

from tryon_shop import views

urlpatterns = [
    path("", views.product_list, name="home"),
    path("shop/<slug:department>/", views.product_list, name="department"),
    path("products/<slug:slug>/", views.product, name="product"),
    path("products/<slug:slug>/<slug:colour_key>/", views.product, name="product"),
    path("bag/", views.bag, name="bag"),
    path("bag/change/", views.change_bag, name="change-bag"),
    path("size-guide/", TemplateView.as_view(template_name="shop/size_guide.html"), name="size-guide"),
    path("about/", TemplateView.as_view(template_name="shop/about.html"), name="about"),
    path("sample-portrait.jpg", views.sample_portrait, name="sample-portrait"),
    path("logout/", LogoutView.as_view(next_page="home"), name="logout"),
    path("language/<str:code>/", views.language, name="language"),
    path("admin/", admin.site.urls),
    path("tryon/", include("tryon.urls")),
    *static(settings.MEDIA_URL, document_root=settings.MEDIA_ROOT),
]
