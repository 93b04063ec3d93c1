"""Everything a project needs once: model files of the local engine, schedules, staff groups."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.cache import caches
from django.core.cache.backends.db import DatabaseCache
from django.core.management.base import CommandError, CommandParser
from django.db import connection

from tryon import local_engine, tasks
from tryon.conf import conf
from tryon.management.commands._base import TryonCommand

PARTS = ("models", "schedules", "groups")
LOCAL_BACKEND = "tryon.providers.local.LocalProvider"
GROUPS = {
    "Merchandiser": [
        "add_garment", "change_garment", "view_garment", "add_presetmodel", "change_presetmodel", "view_presetmodel",
        "view_tryonresult", "delete_tryonresult", "view_batch", "generate_shots", "review_shots", "publish_shots",
    ],
    "Operator": [
        "view_garment", "view_presetmodel", "view_tryonresult", "view_batch", "view_consent", "see_spend",
        "view_sharelink", "delete_sharelink",
        "view_provideraccount", "change_provideraccount", "view_ledgerentry", "change_ledgerentry",
    ],
}  # fmt: skip


class Command(TryonCommand):
    help = "Fetch the local engine's model files and create schedules and staff groups. Safe to run again."
    example = "python manage.py tryon_setup --dry-run"
    requires_system_checks = ()  # it mends what the checks complain about

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--dry-run", action="store_true", help="Say what is missing and change nothing.")
        parser.add_argument("--only", choices=PARTS, action="append", help="Do only this part; may be given twice.")

    def handle(self, *args: Any, **options: Any) -> None:
        dry_run = options["dry_run"]
        work = {"models": self._models, "schedules": tasks.install_schedules, "groups": self._groups}
        added = {part: work[part](dry_run=dry_run) for part in options["only"] or PARTS}
        done = "would add" if dry_run else "added"
        lines = [f"{part}: {f'{done} ' + ', '.join(names) if names else 'complete'}" for part, names in added.items()]
        hints = list(_cache_hints())
        self.report(options, {"dry_run": dry_run, **added, "hints": hints}, [*lines, *hints])

    def _models(self, *, dry_run: bool) -> list[str]:
        """Model files that were missing, for each local provider."""
        fetched: list[str] = []
        for entry in conf.PROVIDERS.values():
            if entry.get("BACKEND") != LOCAL_BACKEND:
                continue
            folder = entry.get("OPTIONS", {}).get("models_dir")
            missing = local_engine.models_missing(folder)
            fetched += missing
            if missing and not dry_run:
                try:
                    local_engine.fetch(Path(folder) if folder else None)
                except local_engine.SetupFailed as error:
                    raise CommandError(f"{error} Nothing else was changed; try again.") from error
        return fetched

    def _groups(self, *, dry_run: bool) -> list[str]:
        changed = []
        for name, codenames in GROUPS.items():
            wanted = set(Permission.objects.filter(content_type__app_label="tryon", codename__in=codenames))
            group = Group.objects.filter(name=name).first()
            if group and wanted <= set(group.permissions.all()):
                continue
            changed.append(name)
            if not dry_run:
                group, _made = Group.objects.get_or_create(name=name)
                group.permissions.add(*wanted)
        return changed


def _cache_hints() -> Iterator[str]:
    """A cache in the database needs a table, which only the project can want."""
    there = connection.introspection.table_names()
    for cache in caches.all(initialized_only=False):
        table = str(getattr(cache, "_table", ""))
        if isinstance(cache, DatabaseCache) and table not in there:
            yield f"The cache has no table {table}. Run: python manage.py createcachetable"
