"""Words of a text, its language, and a hash that tells whether it changed."""

from __future__ import annotations

import hashlib
import logging
import re
import unicodedata
from functools import lru_cache
from typing import Any

# Letters and digits by script. Han runs are segmented by jieba; all other runs are words as they stand.
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_KANA = "\u3041-\u30ff\u31f0-\u31ff"
_HANGUL = "\u1100-\u11ff\uac00-\ud7af"
# "r&b" is one word; a number keeps its point ("3.5"); an apostrophe stays inside a word ("don't").
_RUN = re.compile(
    rf"(?P<han>[{_HAN}]+)"
    rf"|(?<![^\W_])[a-z]&[a-z](?![^\W_])"
    rf"|[0-9]+(?:[.,][0-9]+)+(?![^\W_])"
    rf"|[^\W_{_HAN}]+(?:'[^\W_{_HAN}]+)*"
)
_POSSESSIVE = re.compile(r"'s?$")
_SCRIPT = re.compile(
    rf"(?P<zh>[{_HAN}])|(?P<ja>[{_KANA}])|(?P<ko>[{_HANGUL}])|(?P<ru>[\u0400-\u04ff]+)|(?P<en>[A-Za-z\u00c0-\u024f]+)"
)

ENGLISH_STOP_WORDS = frozenset(
    """a about after again all also am an and any are aren't as at be because been before being both but by can can't
    could couldn't did didn't do does doesn't doing don't down during each few for from further had hadn't has hasn't
    have haven't having he he'd he'll he's her here hers herself him himself his how i i'd i'll i'm i've if in into is
    isn't it it'd it'll it's its itself just let's me more most my myself no nor not now of off on once only or other
    our ours out over own same she she'd she'll she's should shouldn't so some such than that that's the their theirs
    them then there there's these they they'd they'll they're they've this those through to too under until up very
    was wasn't we we'd we'll we're we've were weren't what what's when where which while who whom why will with won't
    would wouldn't you you'd you'll you're you've your yours yourself yourselves""".split()  # noqa: SIM905
)
CHINESE_STOP_WORDS = frozenset(
    """的 了 和 是 就 都 而 及 与 或 在 也 很 还 又 这 那 有 我 你 您 他 她 它 我们 你们 他们 她们 它们 这个 那个 这些
    那些 这张 一个 一 个 不 没 没有 上 下 中 里 对 把 被 给 从 到 向 以 为 因为 所以 但 但是 如果 虽然 然后 而且 并 并且
    着 过 地 得 之 于 其 等 吧 吗 呢 啊 哦 呀 嘛 啦 让 用 去 来 说 要 会 能 可以 自己 什么 怎么 就是 还是 已经 非常 比较
    真的 太 再 才 只 更 最""".split()  # noqa: SIM905
)


def tokens(text: str | None, language: str = "en", *, stop_words: bool = False) -> list[str]:
    """The words of `text` in reading order, case-folded, stop words left out unless `stop_words`.

    Each run is treated by its own script: Chinese by jieba, everything else by word boundaries, so mixed text needs no
    choice. `language` only decides whether the English stop list applies: it does for "en" and "zh" and not for any
    other, where the same letters may be words that matter. A possessive "'s" is dropped, and so is a single letter.
    """
    if not text:
        return []
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    chinese_stop = frozenset() if stop_words else CHINESE_STOP_WORDS
    stop = ENGLISH_STOP_WORDS if language in ("en", "zh") and not stop_words else frozenset()
    found: list[str] = []
    for run in _RUN.finditer(folded):
        word = run[0]
        if run["han"]:
            found += [w for w in _segmenter().cut(word) if w not in chinese_stop]
        elif word not in stop:
            word = _POSSESSIVE.sub("", word) if "'" in word else word
            if (len(word) > 1 or word.isdigit()) and word not in stop:
                found.append(word)
    return found


def detect_language(text: str | None) -> str:
    """The language of `text` by the share of each script: "zh", "ja", "ko", "ru", "en" or "und" (no letters known).

    A Chinese, Japanese or Korean letter weighs one, and so does a Latin or Cyrillic *word*, which says about as much:
    "iPhone 手机壳" is Chinese. Latin script counts as English, whatever its language. Kana at a fifth or more of the
    Han characters makes the text Japanese. Ties go to the script named first above.
    """
    weight = dict.fromkeys(("zh", "ja", "ko", "ru", "en"), 0)
    for letter in _SCRIPT.finditer(text or ""):
        weight[str(letter.lastgroup)] += 1
    if weight["ja"] and 5 * weight["ja"] >= weight["zh"]:
        weight["ja"] += weight.pop("zh")
    best = max(weight, key=lambda language: weight[language])
    return best if weight[best] else "und"


def text_hash(text: str | None) -> str:
    """First 32 hex digits of the SHA-256 of the text in NFC: equal exactly when the text need not be embedded again."""
    return hashlib.sha256(unicodedata.normalize("NFC", text or "").encode("utf-8", "ignore")).hexdigest()[:32]


@lru_cache(maxsize=1)
def _segmenter() -> Any:
    """jieba with its own dictionary, loaded once (about a second)."""
    import jieba

    jieba.setLogLevel(logging.WARNING)
    segmenter = jieba.Tokenizer()
    # jieba.initialize() would read a marshalled cache from the shared temporary folder, where any user of the machine
    # may have put one: build the dictionary from the package's own file instead.
    segmenter.FREQ, segmenter.total = segmenter.gen_pfdict(segmenter.get_dict_file())
    segmenter.initialized = True
    return segmenter
