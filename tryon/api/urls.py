from __future__ import annotations

from django.urls import path, re_path

from tryon.api import staff, views

urlpatterns = [
    # everybody's
    path("openapi.yaml", views.DescriptionView.as_view(), name="api-description"),
    path("sessions/", views.SessionsView.as_view(), name="api-sessions"),
    path("sessions/current/", views.CurrentSessionView.as_view(), name="api-session"),
    path("config/", views.ConfigView.as_view(), name="api-config"),
    path("garments/", staff.GarmentsView.as_view(), name="api-garments"),
    # a shopper's own
    path("photos/", views.PhotosView.as_view(), name="api-photos"),
    path("photos/<str:pk>/", views.PhotoView.as_view(), name="api-photo"),
    path("tryons/", views.TryOnsView.as_view(), name="api-tryons"),
    path("tryons/<str:pk>/", views.TryOnDetailView.as_view(), name="api-tryon"),
    path("tryons/<str:pk>/cancel/", views.CancelView.as_view(), name="api-tryon-cancel"),
    path("tryons/<str:pk>/feedback/", views.FeedbackView.as_view(), name="api-tryon-feedback"),
    path("me/", views.MeView.as_view(), name="api-me"),
    path("me/export/", views.ExportView.as_view(), name="api-me-export"),
    # the shop's staff's
    path("garments/<str:pk>/", staff.GarmentView.as_view(), name="api-garment"),
    path("batches/", staff.BatchesView.as_view(), name="api-batches"),
    path("batches/<str:pk>/", staff.BatchView.as_view(), name="api-batch"),
    path("batches/<str:pk>/pause/", staff.BatchActionView.as_view(action="pause"), name="api-batch-pause"),
    path("batches/<str:pk>/resume/", staff.BatchActionView.as_view(action="resume"), name="api-batch-resume"),
    path("batches/<str:pk>/cancel/", staff.BatchActionView.as_view(action="cancel"), name="api-batch-cancel"),
    path("batches/<str:pk>/retry/", staff.BatchActionView.as_view(action="retry"), name="api-batch-retry"),
    path("shots/", staff.ShotsView.as_view(), name="api-shots"),
    path("shots/<str:pk>/approve/", staff.DecisionView.as_view(action="approve"), name="api-shot-approve"),
    path("shots/<str:pk>/reject/", staff.DecisionView.as_view(action="reject"), name="api-shot-reject"),
    path("shots/<str:pk>/publish/", staff.PublishView.as_view(), name="api-shot-publish"),
    path("shots/<str:pk>/unpublish/", staff.UnpublishView.as_view(), name="api-shot-unpublish"),
    path("spend/", staff.SpendView.as_view(), name="api-spend"),
    path("webhooks/", staff.WebhooksView.as_view(), name="api-webhooks"),
    path("webhooks/<str:pk>/", staff.WebhookView.as_view(), name="api-webhook"),
    path("webhooks/<str:pk>/rotate/", staff.RotateView.as_view(), name="api-webhook-rotate"),
    path("webhooks/<str:pk>/test/", staff.TestEventView.as_view(), name="api-webhook-test"),
    re_path(r"", views.NotFoundView.as_view(), name="api-not-found"),
]
