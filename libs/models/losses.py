"""Softmax losses for retrieval models. Every function is pure and returns one loss per example."""

from typing import Any

import tensorflow as tf

Tensor = Any
# Far below any logit but finite: -inf times a zero gradient would be NaN.
MASKED = -1e9


def in_batch_softmax(
    logits: Tensor, targets: Tensor, log_q: Tensor, history: Tensor | None = None, *, corrected: bool = True
) -> Tensor:
    """Sampled softmax whose negatives are the other targets of the batch, with the logQ correction.

    A product is a negative as often as it is bought, so plain in-batch softmax pushes popular products down.
    Subtracting log Q(j), the log probability that j is drawn into a batch, from column j's logits corrects that.
    Yi et al., "Sampling-bias-corrected neural modeling for large corpus item recommendations", RecSys 2019, eq. 3-5.

    A column is not a negative for a row if it has the row's own target (an accidental hit) or, with `history`, a
    product that the user already has (for shops that never sell a user the same product twice).

    Args:
        logits: float [b, b]; row = user, column = that row's target.
        targets: int [b].
        log_q: float [b], log sampling probability of each target.
        history: int [b, l] of products to leave out as negatives, 0 = none; or None.
        corrected: False ignores log_q, for comparison.

    Returns:
        float32 [b].
    """
    scores = tf.cast(logits, tf.float32)
    if corrected:
        scores -= tf.cast(log_q, tf.float32)[None, :]
    left_out = targets[:, None] == targets[None, :]
    if history is not None:
        left_out |= tf.reduce_any(history[:, :, None] == targets[None, None, :], axis=1)
    positive = tf.eye(tf.shape(targets)[0], dtype=tf.bool)
    scores = tf.where(left_out & ~positive, MASKED, scores)
    return tf.reduce_logsumexp(scores, axis=1) - tf.linalg.diag_part(scores)


def full_softmax(logits: Tensor, targets: Tensor, history: Tensor | None = None) -> Tensor:
    """Softmax over all products; column 0 is padding and is ignored.

    Args:
        logits: float [b, n + 1].
        targets: int [b], 1..n.
        history: int [b, l] of products to leave out as negatives, 0 = none; or None.

    Returns:
        float32 [b].
    """
    scores = tf.cast(logits, tf.float32)
    positive = tf.gather(scores, targets, axis=1, batch_dims=1)
    width = tf.shape(scores)[1]
    left_out = tf.one_hot(0, width, on_value=True, off_value=False)[None, :]
    if history is not None:
        # The target is kept even if it is in the history.
        ids = tf.where(history == targets[:, None], 0, history)
        rows = tf.repeat(tf.range(tf.shape(ids)[0]), tf.shape(ids)[1])
        hits = tf.scatter_nd(tf.stack([rows, tf.reshape(ids, [-1])], axis=1), tf.ones(tf.size(ids)), tf.shape(scores))
        left_out |= hits > 0
    return tf.reduce_logsumexp(tf.where(left_out, MASKED, scores), axis=1) - positive
