import math

import numpy as np
import pytest
import tensorflow as tf

from libs.models.losses import full_softmax, in_batch_softmax

# Two examples with targets 7 and 9, drawn with probability 0.5 and 0.25. Scores: [[1, 2], [0, 3]].
# Column 0 loses log 0.5, column 1 loses log 0.25, so exp(corrected) is
#   row 0: e^1 / 0.5 = 2e,    e^2 / 0.25 = 4e^2     loss 0 = log(1 + 4e^2 / 2e) = log(1 + 2e)
#   row 1: e^0 / 0.5 = 2,     e^3 / 0.25 = 4e^3     loss 1 = log(1 + 2 / 4e^3) = log(1 + e^-3 / 2)
LOGITS = tf.constant([[1.0, 2.0], [0.0, 3.0]])
TARGETS = tf.constant([7, 9])
LOG_Q = tf.constant([math.log(0.5), math.log(0.25)])


def test_in_batch_softmax_with_log_q_equals_the_hand_worked_loss() -> None:
    expected = [math.log(1 + 2 * math.e), math.log(1 + math.exp(-3) / 2)]
    np.testing.assert_allclose(in_batch_softmax(LOGITS, TARGETS, LOG_Q), expected, rtol=1e-5)


def test_without_the_correction_scores_stay_as_they_are() -> None:
    # row 0: log(e^1 + e^2) - 1 = log(1 + e); row 1: log(1 + e^3) - 3 = log(1 + e^-3)
    expected = [math.log(1 + math.e), math.log(1 + math.exp(-3))]
    np.testing.assert_allclose(in_batch_softmax(LOGITS, TARGETS, LOG_Q, corrected=False), expected, rtol=1e-5)


def test_equal_popularity_cancels_out() -> None:
    same = in_batch_softmax(LOGITS, TARGETS, tf.constant([-4.0, -4.0]))
    np.testing.assert_allclose(same, in_batch_softmax(LOGITS, TARGETS, LOG_Q, corrected=False), rtol=1e-6)


def test_the_same_target_twice_in_a_batch_is_no_negative() -> None:
    # Each row is left with its own column alone: probability 1, loss 0.
    np.testing.assert_allclose(in_batch_softmax(LOGITS, tf.constant([7, 7]), LOG_Q), [0, 0], atol=1e-7)


def test_a_product_of_the_history_is_no_negative_where_the_history_is_given() -> None:
    history = tf.constant([[0, 9], [0, 0]])  # the first user owns product 9, the second's target
    expected = [0.0, math.log(1 + math.exp(-3) / 2)]
    np.testing.assert_allclose(in_batch_softmax(LOGITS, TARGETS, LOG_Q, history), expected, atol=1e-6)


def test_own_target_stays_even_if_it_is_in_the_history() -> None:
    history = tf.constant([[7, 0], [9, 9]])
    expected = [math.log(1 + 2 * math.e), math.log(1 + math.exp(-3) / 2)]
    np.testing.assert_allclose(in_batch_softmax(LOGITS, TARGETS, LOG_Q, history), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", ["in_batch", "full"])
def test_gradients_stay_finite_where_everything_is_masked(loss: str) -> None:
    logits = tf.constant([[1.0, 2.0], [0.0, 3.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        if loss == "in_batch":
            value = in_batch_softmax(logits, tf.constant([1, 1]), LOG_Q)
        else:
            value = full_softmax(logits, tf.constant([1, 1]))
    assert np.isfinite(tape.gradient(value, logits)).all()


def test_full_softmax_leaves_padding_out() -> None:
    # Column 0 is padding: row 0 -> log(e^2 + e^3) - 2 = log(1 + e); row 1 -> log(e^5 + e^4) - 4 = log(1 + e)
    logits = tf.constant([[99.0, 2.0, 3.0], [99.0, 5.0, 4.0]])
    np.testing.assert_allclose(full_softmax(logits, tf.constant([1, 2])), [math.log(1 + math.e)] * 2, rtol=1e-6)


def test_full_softmax_leaves_owned_products_out_but_not_the_target() -> None:
    logits = tf.constant([[0.0, 2.0, 3.0, 2.0]])
    # Owned 1 (the target, stays) and 2 (goes): log(e^2 + e^2) - 2 = log 2
    losses = full_softmax(logits, tf.constant([1]), tf.constant([[1, 2, 2, 0]]))
    np.testing.assert_allclose(losses, [math.log(2)], rtol=1e-6)


def test_correction_makes_sampled_negatives_recover_the_true_preferences() -> None:
    # One context, products bought 80 : 20. With the correction the fitted scores differ by log(80 / 20) as the full
    # softmax has it; without it the two losses pull the popular product down to no difference at all.
    rng = np.random.default_rng(0)
    share = np.array([0.8, 0.2])

    def fitted_gap(corrected: bool) -> float:
        scores = tf.Variable([0.0, 0.0])
        for _ in range(400):
            drawn = rng.choice(2, 64, p=share)
            with tf.GradientTape() as tape:
                logits = tf.repeat(tf.linalg.matvec(tf.one_hot(drawn, 2), scores)[None, :], 64, axis=0)
                log_q = tf.constant(np.log(share)[drawn], tf.float32)
                # Each occurrence counts: distinct "targets" keep duplicates as negatives, as sampling theory has it.
                loss = tf.reduce_mean(in_batch_softmax(logits, tf.range(64), log_q, corrected=corrected))
            scores.assign_sub(0.5 * tape.gradient(loss, scores))
        return float(scores[0] - scores[1])

    assert fitted_gap(True) == pytest.approx(math.log(4), abs=0.15)
    assert fitted_gap(False) == pytest.approx(0.0, abs=0.15)
