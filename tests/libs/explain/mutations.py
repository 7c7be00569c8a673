"""What `test_mutations` changes in a sentence, by language: one entry each."""

from __future__ import annotations

import re
from typing import NamedTuple


class Mutations(NamedTuple):
    """Ways to falsify the sentences of one language.

    Attributes:
        words: numbers written in words, put in each other's place; those of one value stand together, parted by "|".
        times: words that stand for a number and what it counts, put in each other's place.
        verbs: finds the verbs of actions. same_verbs: other forms of those in `other_verbs`.
        clauses: (type that would have to be cited, clause); "" where nothing could support it.
        joins: what may stand between a sentence and a clause. because: turns a sentence into a reason.
    """

    words: list[str]
    times: list[str]
    point: str
    verbs: re.Pattern[str]
    same_verbs: dict[str, str]
    other_verbs: list[str]
    clauses: list[tuple[str, str]]
    joins: list[str]
    because: str
    stop: str

    @property
    def numbers(self) -> re.Pattern[str]:
        """Finds numbers in digits and in words."""
        words = "|".join([*self.words, *self.times])
        return re.compile(r"[0-9]+(?:[.,][0-9]+)*" + (rf"|\b(?:{words})\b" if words else ""))


MUTATIONS = {
    "de": Mutations(
        words=["eine|einer|einen|einem", "zwei", "drei", "vier", "fünf", "sechs", "sieben", "acht", "neun", "zwölf"],
        times=["einmal", "zweimal", "dreimal"],
        point=",",
        verbs=re.compile(
            r"\b(?:kaufst|gekauft|bewertest|bewertet|gehört(?! (?:außerdem |ebenfalls )?(?:zu|dazu)\b)|betrachtet|gewählt)\b"
        ),
        same_verbs={"kaufst": "gekauft", "bewertest": "bewertet"},
        other_verbs=["gekauft", "bewertet", "gehört", "betrachtet", "gewählt", "zurückgegeben", "geliebt"],
        clauses=[
            ("", "er ist der beste"),
            ("", "er ist garantiert gut"),
            ("", "alle Leute haben ihn gekauft"),
            ("", "er kommt mit einem Geschenk"),
            ("", "er wird heute verschickt"),
            ("", "du wirst ihn lieben"),
            ("", "er ist nicht von hier"),
            ("", "er heilt Kopfschmerzen"),
            ("friends", "deine Freunde haben ihn gekauft"),
            ("friends", "17 deiner Freunde haben ihn gekauft"),
            ("trend", "er ist gerade beliebt"),
            ("trend", "999 Personen haben ihn in den letzten 30 Tagen gekauft"),
            ("rating_praise", "900 Bewertungen geben ihm im Schnitt 4,9 von 5 Sternen"),
            ("price_drop", "sein Preis ist gefallen"),
            ("price_below_usual", "er kostet weniger"),
            ("rank_in_category", "er steht auf Platz 2"),
            ("segment", "deine Gruppe hat ihn gekauft"),
            ("aspect_praise", "2 Bewertungen zum Thema „Bass“ loben ihn"),
            ("similar_product", "er ist ähnlich beschrieben wie „Thriller“"),
        ],
        joins=[", und ", ". ", "; ", " und ", ", weil "],
        because="Wir haben diesen Artikel für dich ausgesucht, denn ",
        stop=".",
    ),
    "en": Mutations(
        words=["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        times=["once", "twice", "third", "fourth"],
        point=".",
        verbs=re.compile(r"\b(?:bought|buy|reviewed|review(?= this| it)|played|viewed|chose|chosen)\b"),
        same_verbs={"buy": "bought", "review": "reviewed", "chosen": "chose"},
        other_verbs=["bought", "reviewed", "played", "viewed", "chose", "returned", "loved"],
        clauses=[
            ("", "it is the best"),
            ("", "it is guaranteed"),
            ("", "everyone bought it"),
            ("", "it comes with a gift"),
            ("", "it ships today"),
            ("", "you will love it"),
            ("", "it is not from here"),
            ("", "it cures headaches"),
            ("friends", "your friends bought it"),
            ("friends", "17 friends of yours bought it"),
            ("trend", "it is popular right now"),
            ("trend", "999 people bought it in the last 30 days"),
            ("rating_praise", "it is rated 4.9 out of 5 on average by 900 reviewers"),
            ("price_drop", "its price has dropped"),
            ("price_below_usual", "it costs less"),
            ("rank_in_category", "it ranks second"),
            ("segment", "people like you bought it"),
            ("aspect_praise", "reviewers praise its “bass”"),
            ("similar_product", "it is described much like “Thriller”"),
        ],
        joins=[", and ", ". ", "; ", " and ", ", which is why "],
        because="We picked this for you because ",
        stop=".",
    ),
    "zh": Mutations(
        words=[],
        times=[],
        point=".",
        verbs=re.compile("买|评价(?=[过了“])|播放|浏览|选"),
        same_verbs={},
        other_verbs=["买", "评价", "播放", "浏览", "选", "退", "爱"],
        clauses=[
            ("", "它是最好的"),
            ("", "保证正品"),
            ("", "人人都买了"),
            ("", "还送赠品"),
            ("", "今天发货"),
            ("", "你一定会喜欢"),
            ("", "能治头痛"),
            ("friends", "你的好友买了它"),
            ("friends", "你的17位好友买了它"),
            ("trend", "它近来很受欢迎"),
            ("trend", "最近30天有999位顾客买了它"),
            ("rating_praise", "900位评价者平均给了它4.9分（满分5分）"),
            ("price_drop", "它降价了"),
            ("price_below_usual", "它很便宜"),
            ("rank_in_category", "它排名第2"),
            ("aspect_praise", "它的“低音”受到好评"),
            ("similar_product", "它的介绍和“Thriller”很相近"),
        ],
        joins=["，并且", "。", "；", "，"],
        because="推荐给你，是因为",
        stop="。",
    ),
}
