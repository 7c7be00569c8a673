"""Chinese. The grounding check reads it by characters, the longest phrase first."""

from typing import ClassVar

from libs.languages.lexicon import (
    ANCHORED,
    CURRENCIES,
    NAME,
    NUMERAL,
    PRICES,
    SIGNS,
    act,
    claim,
    cue,
    cut,
    grouped,
    lexicon,
    number,
    place,
    plain,
    ratio,
    unit,
    word,
)
from libs.languages.pack import Pack

_BRAND = ("similar_product:brand", "taste_brand")
_CATEGORY = ("similar_product:category", "taste_category")

_DIGITS = {c: i for i, c in enumerate("零一二三四五六七八九")} | {"两": 2}


def _numeral(text: str) -> tuple[float, str | None] | None:
    """Arabic digits, or a Chinese numeral below a hundred."""
    value = grouped(text, ",", ".")
    if value is None and "十" in text:
        tens, _, ones = text.rpartition("十")
        high, low = (_DIGITS.get(tens) if tens else 1), (_DIGITS.get(ones) if ones else 0)
        value = None if high is None or low is None else high * 10 + low
    elif value is None:
        value = _DIGITS.get(text)
    return None if value is None else (value, None)


LEXICON = lexicon(
    rf"{NAME}|{NUMERAL}|{SIGNS}|[A-Za-z]+|\S",
    "“《",
    _numeral,
    [
        word(
            "的|了|在|和|与|把|让|给|有|是|也|也是|还|又|都|已经|会|能|很|他们|她们|它们|你|您|你的|它|我们|这|那些|这件|"
            "这件商品|这款|这款商品|这两件商品|一样|一样的|也是这样|由此|里|中|时|为|为你|算|大约|约|看看|供你参考|关于|"
            "推荐给你|为你推荐|我们推荐|向你推荐|挑|挑了|你可能会喜欢|可能会喜欢|也许会喜欢|似乎|想让你看看|之后|在那之后|"
            "那之后|那里|商品|给了|得到|提到这一点|他|她|价格|价位|这个价位|这样|之所以|来看|对|出发|左右"
        ),
        plain("end", "。|！|？"),
        cut("，|；|（|）|、|并且|而且|而"),
        cut("：", "opens"),
        plain("reason", "因为|是因为|所以|因此|原因"),
        plain(
            "banned",
            "最|最好|最佳|最便宜|最低|最高|第一名的|保证|人人|所有人|大家|全网|必买|完美|绝对|一定|永远|从不|免费|独家|顶级|"
            "唯一|史上|肯定|包治|喜欢|喜爱|推荐",
        ),
        claim("接着|随后|在那之后就|下一步", "bought_next"),
        claim("一起|一同|同时|搭配|能和", "bought_together"),
        claim("介绍|相近|描述", "similar_product:text"),
        claim("相似|类似", "similar_product"),
        claim("和你一样", ANCHORED, "segment"),
        place("来自|都来自", *_BRAND),
        claim("这个品牌|这个品牌的|来自这个品牌|来自那里|都来自这个品牌", *_BRAND),
        place("属于|都属于", *_CATEGORY, "segment"),
        place("同属", "similar_product:brand", "similar_product:category", "segment"),
        claim("这一类|这一类的|属于这一类|都属于这一类", *_CATEGORY),
        claim("偏爱|钟爱|并不陌生", "taste_brand", "taste_category"),
        claim("偏低|偏低的价位|属于偏低的价位|价位偏低", "taste_price_band:low"),
        claim("适中|适中的价位|属于适中的价位|价位适中", "taste_price_band:middle"),
        claim("偏高|偏高的价位|属于偏高的价位|价位偏高", "taste_price_band:high"),
        claim("想到|想到了", "own_history"),
        claim("上一次|上次", "own_rhythm"),
        claim("平均|平均分|满分5分|满分五分", "rating_praise"),
        claim("好评|称赞|提到|受到好评|给了好评", "aspect_praise"),
        claim("受欢迎|近来|热门|流行", "trend"),
        claim("榜上|榜", "rank_in_category"),
        claim("便宜|低于|低", "price_below_usual"),
        claim("降价|降价了", "price_drop"),
        claim("卖", PRICES),
        claim("群体", "segment"),
        act("买|买了|买过|购买|购买了|购买过", "purchase"),
        act("评价|评价了|评价过", "review"),
        act("播放|播放了|播放过|听了|听过", "play"),
        act("浏览|浏览了|浏览过|看了|看过", "view"),
        act("选|选了|选过|选择|选择了|选择过", "choose"),
        unit("位|位顾客|人|名顾客|顾客", "people"),
        unit("位好友|位朋友|好友|朋友", "friends"),
        unit("条|条评价|位评价者|位评论者|评论", "reviews"),
        unit("条评价都|条都", "reviews", "all"),
        unit("件|件商品", "items"),
        unit("件商品都|件都", "items", "all"),
        unit("次", "times"),
        unit("天", "day"),
        unit("周|个星期", "week"),
        unit("个月", "month"),
        unit("天前", "day", "since"),
        unit("周前", "week", "since"),
        unit("个月前", "month", "since"),
        unit("分", "mean"),
        unit("名", "rank"),
        unit("元|元人民币", "money", None, "CNY"),
        unit("美元", "money", None, "USD"),
        unit("英镑", "money", None, "GBP"),
        unit("欧元", "money", None, "EUR"),
        unit("日元", "money", None, "JPY"),
        number("昨天", 1, "since", "day"),
        cue("每|每隔", "every"),
        cue("离上一次|距离上一次|离上次|距离上次", "since"),
        cue("最近|近|过去", "window"),
        cue("第|排第|排名第", "rank"),
        cue("平时|你平时|平时花|你平时花|比你平时花", "usual"),
        cue("比", "than"),
        cue("从|之前|之前是|原价", "before"),
        cue("现价|现在", "price"),
        cue("降到|降到了", "price", "price_drop"),
        cue("那", "all"),
        ratio("里有|中有|里，有|中，有", "whole", "part"),
        *CURRENCIES,
    ],
    numerals="[零一二两三四五六七八九十]+",
)


class Chinese(Pack):
    """No plurals, no spaces; numbers in digits."""

    code = "zh"
    quotes = ("“", "”")
    spaced = False
    lexicon = LEXICON
    currencies: ClassVar = {
        "CNY": "{n}元",
        "USD": "{n}美元",
        "GBP": "{n}英镑",
        "EUR": "{n}欧元",
        "JPY": "{n}日元",
        "other": "{code} {n}",
    }

    def ordinal(self, n: int) -> str:
        return f"第{self.digits(str(n))}"

    def phrase(self, marks: list[str], noun: str) -> str:
        return f"{'、'.join(marks)}的{noun}"


PACK = Chinese()
