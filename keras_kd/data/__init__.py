"""Images and labels, from wherever they are, as arrays that are the same everywhere.

A kind of source is a file in `sources` and a line in its table; a family of views is a file in `views` and a line in
its table.
"""

from keras_kd.data.dataset import Dataset, Split
from keras_kd.data.load import load
from keras_kd.data.sources import is_path, kind
from keras_kd.data.sources.names import DATASETS
from keras_kd.data.true_probabilities import true_probabilities, true_relations

__all__ = ["DATASETS", "Dataset", "Split", "is_path", "kind", "load", "true_probabilities", "true_relations"]
