"""Which augmentation a teacher stands: a mirrored image of which it says something else would teach wrongly."""

import numpy as np

from keras_kd.workflows.doctor.members import is_right

# How much of its accuracy a teacher may lose on images that are mirrored, or moved.
LOSS = 0.05
# Images up to so many pixels are also cropped, padded by four.
SMALL = 64
PAD = 4


def views_for(case):
    """The name of the views that a recipe takes: "crop_flip", "flip" or "none".

    Args:
        case: a `keras_kd.workflows.doctor.case.Case` of a teacher that is right.
    """
    shown, member = case.training, case.members[0]
    labels = shown.true_labels

    def keeps(images):
        right = is_right(member.probabilities(shown, images.astype("float32")), labels).mean()
        return right >= is_right(member.probabilities(shown), labels).mean() - LOSS

    if not keeps(shown.images[:, :, ::-1]):
        return "none"
    height, width = shown.images.shape[1:3]
    if max(height, width) > SMALL:
        return "flip"
    padded = np.pad(shown.images, ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0)))
    return "crop_flip" if keeps(padded[:, :height, :width]) else "flip"
