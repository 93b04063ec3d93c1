from __future__ import annotations

from django.urls import path, re_path

from tryon.api import views

urlpatterns = [
    path("sessions/", views.SessionsView.as_view(), name="api-sessions"),
    path("config/", views.ConfigView.as_view(), name="api-config"),
    path("garments/", views.GarmentsView.as_view(), name="api-garments"),
    path("photos/", views.PhotosView.as_view(), name="api-photos"),
    path("photos/<str:pk>/", views.PhotoView.as_view(), name="api-photo"),
    path("tryons/", views.TryOnsView.as_view(), name="api-tryons"),
    path("tryons/<str:pk>/", views.TryOnDetailView.as_view(), name="api-tryon"),
    path("tryons/<str:pk>/cancel/", views.CancelView.as_view(), name="api-tryon-cancel"),
    re_path(r"", views.NotFoundView.as_view(), name="api-not-found"),
]
