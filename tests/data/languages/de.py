"""German, which only the tests use: the proof that a language is one module and one folder."""

from typing import ClassVar

from num2words import num2words

from libs.languages.lexicon import (
    ANCHORED,
    PRICES,
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

_CARDINALS = "null|ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf"
_BRAND = ("similar_product:brand", "taste_brand")
_CATEGORY = ("similar_product:category", "taste_category")


def _numeral(text: str) -> tuple[float, str | None] | None:
    value = grouped(text, ".", ",")
    return None if value is None else (value, None)


def _with_also(phrases: str) -> str:
    """Phrases of two words and more, also with an adverb after the first: "ist von", "ist außerdem von"."""
    both = [(first, rest) for first, _, rest in (phrase.partition(" ") for phrase in phrases.split("|"))]
    return "|".join(f"{first}{adverb} {rest}" for first, rest in both for adverb in ("", " außerdem", " ebenfalls"))


LEXICON = lexicon(
    r"„[^„“]*“|[0-9]+(?:\.[0-9]{3})*(?:,[0-9]+)?|(?:CN|JP)¥|[^\W\d_]+(?:-[^\W\d_]+)*|\S",
    "„",
    _numeral,
    [
        word(
            "die|das|den|dem|ein hinweis zu|er|ihn|ihm|sein|seine|seiner|es|du|dir|dich|dein|deine|deiner|deinem|wir|uns|"
            "dieser|diesen|dieser artikel|diesen artikel|ist|sind|hat|haben|hast|wurde|liegt|liegen|gibt|geben|steht|stand|kommt|könnte|"
            "passen|zu dir passen|in|im|an|auf|aus|bei|mit|von|zu|für|für dich|wie|genau wie|auch|außerdem|ebenfalls|"
            "etwa|gerade|ausgesucht|gut zu wissen|hierher|der von|her|also|ist es auch|zahlst|belegt|dafür|nämlich"
        ),
        plain("end", ".|!|?"),
        cut(",|;|(|)|–|und|aber|während"),
        cut(":", "opens"),
        plain("reason", "denn|weil|darum|deshalb|grund"),
        plain(
            "banned",
            "beste|bester|bestes|besten|am besten|billigste|günstigste|günstigsten|garantiert|jeder|alle leute|niemand|"
            "immer|nie|niemals|perfekt|kostenlos|gratis|einzigartig|einzige|unschlagbar|bestimmt|liebe|lieben|liebt|"
            "liebst|gefällt|mag|magst|mögen|empfiehlt|empfehlen|heilt",
        ),
        claim("nach|danach|anschließend", "bought_next"),
        claim(_with_also("zusammen|zusammen mit|beides|beides zusammen|passt zu"), "bought_together"),
        claim("beschrieben|ähnlich beschrieben|beschreibung", "similar_product:text"),
        claim("ähnelt|ähnlich", "similar_product"),
        claim("wie du", ANCHORED),
        place(_with_also("ist von|sind von|kommt von|kommen von|stammt von"), *_BRAND),
        claim("kommt von dort|kommen von dort", "taste_brand"),
        place(_with_also("gehört zu|gehören zu|zählt zu|zählen zu"), *_CATEGORY),
        claim("gehört dazu|gehören dazu", "taste_category"),
        claim("nicht fremd", "taste_brand", "taste_category"),
        claim(
            _with_also("gehört zu den günstigeren|gehören zu den günstigeren") + "|im unteren bereich",
            "taste_price_band:low",
        ),
        claim("in der mitte|im mittleren bereich", "taste_price_band:middle"),
        claim(
            _with_also("gehört zu den teureren|gehören zu den teureren") + "|im oberen bereich", "taste_price_band:high"
        ),
        claim("preislich", "taste_price_band"),
        claim("gebracht|geführt|interesse|interesse an|erinnert", "own_history"),
        claim("zuletzt", "own_rhythm"),
        claim("im schnitt|durchschnittlich|durchschnittliche", "rating_praise"),
        claim("lobt|loben|gelobt|zum thema", "aspect_praise"),
        claim("beliebt|gefragt", "trend"),
        claim("kostet|preis", PRICES),
        claim("weniger|günstiger|sonst|niedriger", "price_below_usual"),
        claim("gefallen|gesunken|reduziert", "price_drop"),
        claim("gruppe|geschmack|ähnlichem geschmack", "segment"),
        act("kaufst|kaufe|kaufen|kaufte|kauften|gekauft", "purchase"),
        act("bewertest|bewerten|bewertete|bewerteten|bewertet", "review"),
        act("hörst|hören|hörte|hörten|gehört", "play"),
        act("betrachtest|betrachten|betrachtete|betrachteten|betrachtet", "view"),
        act("wählst|wählen|wählte|wählten|gewählt", "choose"),
        unit("person|personen|leute|leuten|kunden|käufer|nutzer", "people"),
        unit(
            "freund|freunde|freunden|deiner freunde|person aus deinem freundeskreis|personen aus deinem freundeskreis",
            "friends",
        ),
        unit("bewertung|bewertungen", "reviews"),
        unit("artikel|artikeln", "items"),
        unit("mal", "times"),
        unit("tag|tage|tagen", "day"),
        unit("woche|wochen", "week"),
        unit("monat|monate|monaten", "month"),
        unit("von 5 sternen|von 5 punkten|von fünf sternen", "mean"),
        unit("$", "money", None, "USD"),
        unit("£", "money", None, "GBP"),
        unit("€|euro", "money", None, "EUR"),
        unit("CN¥", "money", None, "CNY"),
        unit("JP¥", "money", None, "JPY"),
        *(number(text, n) for n, text in enumerate(_CARDINALS.split("|"))),
        number("eins|eine|einen|einem|einer|eines", 1),
        number("einmal", 1, "times"),
        number("zweimal", 2, "times"),
        number("dreimal", 3, "times"),
        number("der eine|die eine", 1, "all"),
        number("gestern", 1, "since", "day"),
        cue("jeden|jede|jedes", "every"),
        cue("vor|das letzte mal|das letzte mal ist", "since"),
        cue("letzten|letzte|den letzten|in den letzten|in der letzten|im letzten|am letzten", "window"),
        cue("platz|auf platz|nummer", "rank"),
        cue("übliche|üblichen|deine üblichen|als deine üblichen", "usual"),
        cue("als|als die|unter|unter den", "than"),
        cue("statt|vorher|statt vorher", "before"),
        cue("sein preis ist von|sein preis ist außerdem von", "before", "price_drop"),
        cue("jetzt", "price"),
        cue("alle", "all"),
        ratio("der", "part", "whole"),
    ],
    code_follows=True,
)


class German(Pack):
    """Numbers up to twelve in words; the currency after the amount."""

    code = "de"
    quotes = ("„", "“")
    lexicon = LEXICON
    currencies: ClassVar = {"USD": "{n} $", "GBP": "{n} £", "EUR": "{n} €", "other": "{n} {code}"}

    def number(self, n: int) -> str:
        return str(num2words(n, lang="de")) if n <= 12 else super().number(n)

    def ordinal(self, n: int) -> str:
        return f"{self.digits(str(n))}."


PACK = German()
