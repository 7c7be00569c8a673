"""Inputs of the two-tower model: its parameters and the product side. Does not import TensorFlow."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from libs.models.files import Arrays


@dataclass(frozen=True)
class TwoTowerParams:
    """Shape and loss of the model. Dropout probabilities are per history slot and product.

    Measured: full softmax ranks no better than in-batch on shops with 382 and 3,659 products, at twice the cost.
    """

    dim: int = 64
    hidden: int = 64  # width of the user tower's hidden layer
    normalise: bool = True  # both towers end on the unit sphere
    temperature: float = 0.3  # divides the dot product; initial value, then learned
    prior: float = 1.0  # initial value of the learned weight of log popularity in the score
    half_life_days: float = 30.0  # initial value of the learned decay of the history
    history_dropout: float = 0.4
    id_dropout: float = 0.1  # drops a product's id vector, so that attributes and text learn to represent it
    penalty: float = 1e-4  # weight in the loss of the mean squared norm of id vectors and biases
    loss: Literal["auto", "in_batch", "full"] = "in_batch"
    full_softmax_below: int = 20_000  # "auto" uses the full softmax up to this many products
    never_repeats: bool = False  # the shop never sells a user the same product twice

    def __post_init__(self) -> None:
        if self.loss not in ("auto", "in_batch", "full"):
            raise ValueError(f"loss must be auto, in_batch or full, not {self.loss!r}")
        if self.dim < 1 or self.hidden < 1 or self.temperature <= 0 or self.half_life_days <= 0:
            raise ValueError("dim, hidden, temperature and half_life_days must be positive")


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The product side of the model; row 0 of each array is padding.

    Attributes:
        attributes: int32 [n + 1, a], attribute ids 1.., 0 = none.
        text: float32 [n + 1, t], a vector of the product's text.
        log_popularity: float32 [n + 1], log of the product's share of training targets: the sampling probability of
            in-batch softmax (log Q) and also the prior of the score; see `score.log_share`.
        trend: float32 [n + 1] or None, log of recent demand over demand in the training rows. It is added to all users'
            scores after training, because demand changes faster than tastes; see `score.log_trend`.
    """

    attributes: NDArray[np.int32]
    text: NDArray[np.float32]
    log_popularity: NDArray[np.float32]
    trend: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        rows = len(self.log_popularity)
        if rows < 2 or self.attributes.ndim != 2 or self.text.ndim != 2:
            raise ValueError("catalogue: needs at least one product, and attributes and text of two dimensions")
        for name, array in self.arrays().items():
            if len(array) != rows:
                raise ValueError(f"catalogue: {name} has {len(array)} rows, log_popularity {rows}")
            if not np.isfinite(array[1:]).all():
                raise ValueError(f"catalogue: {name} must be finite")

    @property
    def n_items(self) -> int:
        """Number of products without padding."""
        return len(self.log_popularity) - 1

    def arrays(self) -> Arrays:
        """The arrays by name, for storing."""
        trend = np.zeros_like(self.log_popularity) if self.trend is None else self.trend
        names = {"attributes": self.attributes, "text": self.text, "log_popularity": self.log_popularity}
        return names | {"trend": trend}
