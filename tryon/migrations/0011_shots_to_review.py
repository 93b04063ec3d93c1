"""Shots that were made before there was a review: what is published was approved, the rest waits for one."""

from typing import Any

from django.db import migrations


def mark(apps: Any, schema_editor: Any) -> None:
    outputs = apps.get_model("tryon", "TryOnOutput").objects.filter(review="", result__shopper=None)
    shots = outputs.exclude(result__operation="try_on")
    shots.filter(published_at__isnull=False).update(review="approved")
    shots.filter(published_at__isnull=True, result__status="succeeded").update(review="to_review")


class Migration(migrations.Migration):
    dependencies = [("tryon", "0010_confidence")]

    operations = [migrations.RunPython(mark, migrations.RunPython.noop, elidable=True)]
