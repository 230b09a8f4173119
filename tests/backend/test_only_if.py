"""A branch of a step gives its value and its gradient where it is wanted, and neither where it is not."""

import numpy as np
import pytest
from keras import ops

from keras_kd import backend


@pytest.mark.parametrize("wanted, value, gradient", [(True, 13.0, [4.0, 6.0]), (False, 5.0, [0.0, 0.0])])
def test_a_branch_counts_where_it_is_wanted(wanted, value, gradient):
    def function(x, given):
        branch, otherwise = given
        return ops.sum(backend.only_if(branch, lambda: ops.sum(ops.square(x)), otherwise))

    run = backend.value_and_gradients(function)
    found, slope = run(np.array([2.0, 3.0], "float32"), (np.array(wanted), np.float32(5.0)))
    assert float(found) == value
    np.testing.assert_allclose(ops.convert_to_numpy(slope), gradient)
