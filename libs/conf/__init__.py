"""`conf` as typed objects: all of it is read and checked at once; an unknown key is an error."""

from libs.conf.environment import EnvConf, HorovodConf
from libs.conf.read import SHOP_NAME, Conf, conf_root, load, load_shop, shop_faults, shops, typed_params
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
    "shop_faults",
    "shops",
    "typed_params",
]
