"""Where files go. Three storages by alias; an alias that the project has not set up is a private folder.

The callables are used in model fields, so migrations name them and never a folder.
"""

from __future__ import annotations

import functools
from pathlib import Path

from django.conf import settings
from django.core.files.storage import FileSystemStorage, Storage, storages

from tryon.conf import conf


def photo_storage() -> Storage:
    return by_alias(conf.PHOTO_STORAGE)


def result_storage() -> Storage:
    return by_alias(conf.RESULT_STORAGE)


def garment_storage() -> Storage:
    return by_alias(conf.GARMENT_STORAGE)


def by_alias(alias: str) -> Storage:
    if alias in storages.backends:
        return storages[alias]
    return _private_folder(private_root() / alias)


@functools.lru_cache(maxsize=16)
def _private_folder(location: Path) -> Storage:
    # base_url=None: .url() raises, so a private file can never be linked to by mistake
    return FileSystemStorage(
        location=location,
        base_url=None,
        file_permissions_mode=0o600,
        directory_permissions_mode=0o700,
    )


def private_root() -> Path:
    if conf.PRIVATE_ROOT:
        return Path(conf.PRIVATE_ROOT)
    return Path(getattr(settings, "BASE_DIR", Path.cwd())) / "private"
