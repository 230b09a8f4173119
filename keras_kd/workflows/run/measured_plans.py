"""What files of pruned networks were measured to be: each plan is made into a file and timed once on a machine."""

import hashlib
import importlib.metadata
import json

from keras_kd.data.sources import cache
from keras_kd.export.latency import cpu
from keras_kd.export.trial_files import TrialFiles, digest_of
from keras_kd.utils.files import atomic_write

PLACE = "measured"
# What a file, and its speed, depend on beside the plan.
LIBRARIES = ("keras", "tensorflow", "ai-edge-litert", "onnxruntime")


class MeasuredPlans:
    """A function of a `Plan` that gives what its file is next to that of the whole network; a context.

    What was measured is kept in the cache folder (KERAS_KD_CACHE), so that the same question is answered at once.

    Args:
        name: of the format.
        model: the whole network.
        image_shape, images, inputs: as of `keras_kd.export.trial_files.TrialFiles`.
        pruned: the network that plans are of, where that is another than the whole one.
        cache_dir: instead of the cache folder.

    Raises:
        UserError: there is no such format, or a package is missing.
    """

    def __init__(self, name, model, image_shape, images=None, inputs="float32", *, pruned=None, cache_dir=None):
        self.name, self._model = name, model
        self._files = TrialFiles(name, image_shape, images, inputs)
        self._key = [digest_of(model), name, list(image_shape), inputs, cpu(), *map(_version, LIBRARIES)]
        self._key += [] if pruned is None else [digest_of(pruned)]
        self._place = cache.folder(cache_dir) / PLACE

    def __enter__(self):
        self._files.__enter__()
        return self

    def __exit__(self, *error):
        self._files.__exit__(*error)

    def __call__(self, plan):
        """`TrialFiles.compared` of the network and a `Plan` of it.

        Raises:
            UserError: it cannot be made into a file.
        """
        digest = hashlib.sha256(json.dumps([*self._key, plan.removed]).encode()).hexdigest()
        place = self._place / f"{digest[:32]}.json"
        try:
            return json.loads(place.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            measured = self._files.compared(self._model, plan.model())
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            with atomic_write(place) as temporary:
                temporary.write_text(json.dumps(measured), encoding="utf-8")
        except OSError:
            pass  # it is measured again, should it be asked for again
        return measured


def _version(library):
    try:
        return importlib.metadata.version(library)
    except importlib.metadata.PackageNotFoundError:
        return None
