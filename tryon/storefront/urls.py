from __future__ import annotations

from django.urls import path

from tryon.storefront import pictures, views

urlpatterns = [
    path("try/<path:product_ref>/", views.try_page, name="try"),
    path("previews/<uuid:pk>/", views.preview, name="result"),
    path("previews/<uuid:pk>/cancel/", views.cancel, name="cancel"),
    path("previews/<uuid:pk>/delete/", views.delete, name="delete"),
    path("pictures/<uuid:pk>/<str:size>/", pictures.picture, name="picture"),
    path("photos/<uuid:pk>/", pictures.photo, name="photo"),
    path("garments/<int:pk>/<str:size>/", pictures.garment_picture, name="garment-picture"),
    path("models/<int:pk>/<str:size>/", pictures.model_picture, name="model-picture"),
    path("privacy/", views.privacy, name="privacy"),
    path("privacy/withdraw/", views.withdraw, name="withdraw"),
]
