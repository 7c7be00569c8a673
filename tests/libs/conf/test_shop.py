"""What a shop's file says of acts: their kinds and signs, and which edges are friendships."""

import pytest
from pydantic import ValidationError

from libs.conf.shop import ShopConf
from tests.conftest import SHOP

EDGES = {
    "kind": "social_edges",
    "path": "edges.csv",
    "format": "csv",
    "columns": {"user_id": "a", "friend_id": "b"},
    "directed": True,
}


def shop(**other):
    return ShopConf.model_validate(SHOP | other)


@pytest.mark.parametrize(
    ("action", "acquiring", "acting"),
    [
        ("purchase", ("purchase",), ("purchase", "review")),
        ("review", ("review",), ("purchase", "review")),
        ("play", ("play",), ("play", "purchase", "review")),
    ],
)
def test_the_shop_s_action_is_what_acquires_and_reviews_tell_what_is_liked(action, acquiring, acting):
    found = shop(action=action)
    assert (found.acquiring_kinds, found.acting_kinds) == (acquiring, acting)


def test_a_review_is_not_both_a_liking_and_a_dislike():
    assert (shop().likes_from, shop().dislikes_to) == (4.0, 2.0)
    with pytest.raises(ValidationError, match=r"likes_from: 3.0 stars must be more than dislikes_to, 3.0"):
        shop(likes_from=3, dislikes_to=3)


def test_only_edges_between_users_are_directed():
    assert shop(sources=SHOP["sources"] | {"trust": EDGES}).sources["trust"].directed
    orders = SHOP["sources"]["orders"] | {"directed": True}
    with pytest.raises(ValidationError, match="directed: only social_edges"):
        shop(sources={"orders": orders})
