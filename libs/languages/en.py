"""English."""

import re
from typing import ClassVar

from num2words import num2words

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

_CARDINALS = "zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_ORDINALS = "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
_BRAND = ("similar_product:brand", "taste_brand")
_CATEGORY = ("similar_product:category", "taste_category")


def _numeral(text: str) -> tuple[float, str | None] | None:
    rank = re.fullmatch(r"([0-9]+)(?:st|nd|rd|th)", text)
    value = float(rank[1]) if rank else grouped(text, ",", ".")
    return None if value is None else (value, "rank" if rank else None)


LEXICON = lexicon(
    rf"{NAME}|[0-9]+(?:st|nd|rd|th)\b|{NUMERAL}|{SIGNS}|[^\W\d_]+(?:['’-][^\W\d_]+)*|\S",
    "“《",
    _numeral,
    [
        word(
            "a|an|the|this|that|these|those|it|its|this one|this one's|this one’s|these two|one that|you|your|"
            "yours|we|us|our|they|them|their|who|what|is|are|was|were|be|been|has|have|had|do|does|did|can|could|may|might|to|in|on|"
            "at|by|for|with|from there|as|so|too|also|just|there|here|other|others|about|around|over|since|more|much|"
            "like|might like|may like|might enjoy|may enjoy|close to|close to that of|good to know|a note|worth a look|"
            "we think|we thought|we picked|we suggest|we recommend|recommended for you|picked for you|made our list|"
            "for you|of yours|of them|did so|gave it|given|price|its price|up your alley|or so"
        ),
        plain("end", ".|!|?"),
        cut(",|;|(|)|—|–|and|but|while|where|when|then"),
        cut(":", "opens"),
        cut("which", "relative"),
        plain("reason", "because|why|that is why|reason|since you"),
        plain(
            "banned",
            "best|better|greatest|finest|cheapest|lowest|guaranteed|guarantee|everyone|everybody|nobody|all people|"
            "always|never|most|perfect|perfectly|free|must-have|top|ultimate|unbeatable|exclusive|only|proven|cure|"
            "cures|everything|definitely|certainly|like it|likes|liked|love|loves|loved|recommends|deserve|deserves",
        ),
        claim("next|the next thing|right after|right after it|after|afterwards|went on to|go on to", "bought_next"),
        claim(
            "together|together with|along with|at the same time|both|the two|both together|the two together|goes with|"
            "go with|also goes with|often bought together",
            "bought_together",
        ),
        claim("described|described much|description", "similar_product:text"),
        claim("similar|similar to", "similar_product"),
        claim("as you did|just as you did", ANCHORED),
        place("is from|is also from|are from|comes from|come from|also comes from", *_BRAND),
        claim("come from there|comes from there", "taste_brand"),
        place("is in|is also in|are in|belongs in|also belongs in|belong in", *_CATEGORY),
        claim("pick|picks|in it", "taste_category"),
        claim(
            "no stranger to|soft spot|a soft spot for|seem to like|seem to have|fan of|fans of|favour|favor",
            "taste_brand",
            "taste_category",
        ),
        claim("on the lower-priced side|lower-priced|on the low side", "taste_price_band:low"),
        claim("mid-priced|in the middle|is in the middle|is also in the middle", "taste_price_band:middle"),
        claim("on the higher-priced side|higher-priced|on the high side", "taste_price_band:high"),
        claim(
            "led us to|led us here|points to this|points this way|made us think of|interest in|in your history",
            "own_history",
        ),
        claim("the last time|since the last time|come back", "own_rhythm"),
        claim("rated|rating|an average rating|average rating|on average|averages", "rating_praise"),
        claim("praise|praises|praised|mentioning|mention|mentions", "aspect_praise"),
        claim("popular|popular right now|trending|trending now|in demand", "trend"),
        claim("ranks|ranked|rank", "rank_in_category"),
        claim("costs|cost|price tag", PRICES),
        claim("less|lower|below|cheaper|usually|usually pay|you usually pay", "price_below_usual"),
        claim("dropped|drop|down|reduced|fell|fallen", "price_drop"),
        claim("group|a group like you|tastes like yours|people like you|segment", "segment"),
        act("buy|buys|bought|buying|purchase|purchased", "purchase"),
        act("review", "review", "reviews"),
        act("reviewed|reviewing", "review"),
        act("play|plays|played|playing|listened to", "play"),
        act("view|viewed|viewing|looked at", "view"),
        act("choose|chose|chosen|choosing", "choose"),
        unit("people|person|shopper|shoppers|customer|customers|buyer|buyers|listener|listeners|user|users", "people"),
        unit("friend|friends|your friends", "friends"),
        unit("reviews|reviewer|reviewers|ratings", "reviews"),
        unit("item|items|product|products", "items"),
        unit("times", "times"),
        unit("day|days", "day"),
        unit("week|weeks", "week"),
        unit("month|months", "month"),
        unit("day ago|days ago", "day", "since"),
        unit("week ago|weeks ago", "week", "since"),
        unit("month ago|months ago", "month", "since"),
        unit("out of 5|out of five|out of 5 stars", "mean"),
        *(number(text, n) for n, text in enumerate(_CARDINALS.split("|"))),
        *(number(text, n, "rank") for n, text in enumerate(_ORDINALS.split("|"), 1)),
        number("once", 1, "times"),
        number("twice", 2, "times"),
        number("the one|that of the one", 1, "all"),
        number("yesterday", 1, "since", "day"),
        number("a day", 1, None, "day"),
        number("a week", 1, None, "week"),
        number("a month", 1, None, "month"),
        number("a day ago", 1, "since", "day"),
        number("a week ago", 1, "since", "week"),
        number("a month ago", 1, "since", "month"),
        cue("every|once every", "every"),
        cue("it has been|has been", "since"),
        cue("the last|last|the past|past", "window"),
        cue("number|no.|#|place", "rank"),
        cue("usual|your usual", "usual"),
        cue("than|than the|instead of", "than"),
        cue("from|was at", "before"),
        cue("now", "price"),
        cue("all", "all"),
        ratio("of|of the|of your|out of your|out of the", "part", "whole"),
        *CURRENCIES,
    ],
)


def a_or_an(name: str) -> str:
    """The English indefinite article for a name, by the sound it begins with."""
    word = re.match(r"[A-Za-z0-9]*", name.lstrip("‹‘'(“"))
    text = word.group() if word else ""
    low = text.lower()
    if low[:1].isdigit():
        return "an" if re.match(r"8|11(?:$|\D)|18(?:$|\D|\d\d$)|11\d\d$", low) else "a"
    if len(text) > 1 and text.isupper() and (len(text) <= 3 or not re.search(r"[AEIOUY]", text)):
        return "an" if text[0] in "AEFHILMNORSX" else "a"  # spelt out: an LP, a CD
    if re.match(r"(?:hour|honest|honou?r|heir)", low):
        return "an"
    if re.match(r"(?:uni(?!n|m)|us[ae]|eu|one(?![a-z])|once|ukulele|utopi|u(?![a-z]))", low):
        return "a"
    return "an" if low[:1] in tuple("aeiou") else "a"


class English(Pack):
    """Small numbers in words."""

    code = "en"
    quotes = ("“", "”")
    lexicon = LEXICON
    currencies: ClassVar = {
        "USD": "${n}",
        "GBP": "£{n}",
        "EUR": "€{n}",
        "CNY": "CN¥{n}",
        "JPY": "JP¥{n}",
        "other": "{code} {n}",
    }
    name_forms: ClassVar = {"a": lambda name: f"{a_or_an(name)} "}

    def number(self, n: int) -> str:
        return str(num2words(n, lang="en")) if n < 10 else super().number(n)

    def ordinal(self, n: int) -> str:
        return str(num2words(n, lang="en", to="ordinal" if n < 10 else "ordinal_num"))


PACK = English()
