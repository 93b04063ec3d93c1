from tryon.catalog.base import GarmentSource, ProductCatalog, get_catalog

__all__ = ["GarmentSource", "ProductCatalog", "get_catalog"]
