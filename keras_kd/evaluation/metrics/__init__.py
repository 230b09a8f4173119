"""What a student is worth, in plain NumPy: one idea a file.

Logits are arrays of shape (images, classes), labels integers of shape (images,); all is computed in float64. An image
whose logits hold NaN counts as wrong, so that a network that diverged cannot score.
"""

from keras_kd.evaluation.metrics.bins import BINS
from keras_kd.evaluation.metrics.calibration import (
    adaptive_calibration_error,
    calibration,
    over_confidence,
    reliability,
)
from keras_kd.evaluation.metrics.classes import class_changes, groups, who_pays
from keras_kd.evaluation.metrics.deviation import confidence_pairs, deviation
from keras_kd.evaluation.metrics.example_weights import gradient_weights, weights_by_confidence
from keras_kd.evaluation.metrics.objective_variance import bayes_risk, drawn_variance
from keras_kd.evaluation.metrics.paired import paired_images
from keras_kd.evaluation.metrics.predictions import (
    accuracy,
    agreement,
    copied_errors,
    per_class_accuracy,
    predictive_kl,
)
from keras_kd.evaluation.metrics.probabilities import label_probability
from keras_kd.evaluation.metrics.representation import linear_cka
from keras_kd.evaluation.metrics.teacher_error import teacher_error
from keras_kd.evaluation.metrics.temperature import fit_temperature, scaled_calibration
from keras_kd.evaluation.metrics.verdict import verdict

__all__ = [
    "BINS",
    "accuracy",
    "adaptive_calibration_error",
    "agreement",
    "bayes_risk",
    "calibration",
    "class_changes",
    "confidence_pairs",
    "copied_errors",
    "deviation",
    "drawn_variance",
    "fit_temperature",
    "gradient_weights",
    "groups",
    "label_probability",
    "linear_cka",
    "over_confidence",
    "paired_images",
    "per_class_accuracy",
    "predictive_kl",
    "reliability",
    "scaled_calibration",
    "teacher_error",
    "verdict",
    "weights_by_confidence",
    "who_pays",
]
