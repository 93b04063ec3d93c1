from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from tests.admin.conftest import make_garment, make_result, other_model, queue

__all__ = ["make_garment", "make_result", "other_model", "queue"]


@pytest.fixture
def mara(db: None) -> User:
    return User.objects.create_user("mara", is_staff=True)
