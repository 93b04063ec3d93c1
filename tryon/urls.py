from __future__ import annotations

app_name = "tryon"
urlpatterns: list[object] = []
