"""`conf` as typed objects: read whole, checked whole, unknown keys refused by name."""

from libs.conf.environment import EnvConf, HorovodConf
from libs.conf.read import SHOP_NAME, Conf, conf_root, load, load_shop, shops, typed_params
from libs.conf.shop import ShopConf

__all__ = [
    "SHOP_NAME",
    "Conf",
    "EnvConf",
    "HorovodConf",
    "ShopConf",
    "conf_root",
    "load",
    "load_shop",
    "shops",
    "typed_params",
]
