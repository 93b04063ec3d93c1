"""django-oscar: ``TRYON = {"CATALOG": "tryon.contrib.oscar.catalog.OscarCatalog"}``; see docs/studio/oscar.md."""
