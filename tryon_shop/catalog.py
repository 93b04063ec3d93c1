from tryon.catalog import ProductCatalog


class ShopCatalog(ProductCatalog):
    pass
