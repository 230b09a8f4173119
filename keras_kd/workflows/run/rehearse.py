"""A student tried before it is trained: saved, loaded, and made into each of the files that its run will deliver."""

import json
import tempfile
from pathlib import Path

import numpy as np

from keras_kd import models
from keras_kd.export.export import export as export_files
from keras_kd.export.formats import DEFAULTS, missing_here
from keras_kd.models.read_back import check_read_back
from keras_kd.recipe.folders import RunFolder
from keras_kd.recipe.pruning import student_name
from keras_kd.utils.errors import GateError, MachineError, UserError
from keras_kd.utils.screen import print_note
from keras_kd.utils.steps import step, telling

# Only whether a file is made and runs is looked at: an untrained student may lose any accuracy in int8.
OPEN_GATES = {
    "float32_max_difference": 1e30,
    "float32_agreement": 0.0,
    "float16_max_difference": 1e30,
    "float16_agreement": 0.0,
    "int8_accuracy_drop": 1.0,
    "int8_agreement": 0.0,
}
IMAGES = 4

_passed = set()


def is_own(spec):
    """Whether a network is none of the zoo, whose networks are known to pass.

    Args:
        spec: a `ModelSpec`.
    """
    return spec.model is None or models.kind(spec.model) != "zoo"


def rehearse(recipe, about, network, *, everything=False, quiet=False):
    """Saves and loads a student and makes its exports, untrained. One of the zoo is known to pass.

    Once is enough in a process.

    Args:
        recipe: a `Recipe`.
        about: a `Description` of its data, or the data.
        network: the `keras.Model` that will be trained.
        everything: tries a student of the zoo as well, where its formats are not those of the default.
        quiet: no progress.

    Raises:
        UserError: what cannot be read back, or which format cannot be made; a line each.
    """
    spec, formats = recipe.student, recipe.export.formats
    if not is_own(spec) and not (everything and set(formats) - set(DEFAULTS)):
        return  # the tests have made the formats of the default of all the zoo
    asked = {"student": spec.model_dump(mode="json"), "export": recipe.export.model_dump(mode="json")}
    asked |= {"images": about.image_shape, "classes": about.classes, "precision": recipe.fit.precision}
    key = json.dumps([asked, [term.method for term in recipe.terms]], sort_keys=True, default=str)
    if key in _passed:
        return
    check_read_back(f"student {student_name(recipe)}", network)
    if formats and missing_here(formats) is None:
        _try_exports(recipe, about, network, quiet)
    _passed.add(key)


def _try_exports(recipe, about, network, quiet):
    """Makes each file of an untrained student somewhere else."""
    chosen, faults = recipe.export, []
    images = np.random.default_rng(0).integers(0, 256, (IMAGES, *about.image_shape), "uint8")
    with tempfile.TemporaryDirectory() as folder:
        file = RunFolder(Path(folder)).student
        network.save(file)
        try:
            with telling(f"student {student_name(recipe)}", quiet):
                step("its exports, tried untrained", tell=False)
                export_files(
                    file,
                    folder,
                    formats=chosen.formats,
                    inputs=chosen.inputs,
                    outputs=chosen.outputs,
                    from_logits=recipe.student.from_logits,
                    calibration_images=images,
                    test_images=images,
                    test_labels=np.arange(IMAGES) % about.classes,
                    gates=OPEN_GATES,
                    litert_batch=chosen.batch_of_litert,
                    quiet=True,
                )
        except GateError as error:
            failed = [one for one in error.exports if not one["passed"] and not one["circumstance"]]
            faults = [(one["format"], text) for one in failed for text in one["failures"]]
        except MachineError as error:
            # It says nothing of the student, and the exports are still to come.
            print_note(f"student {student_name(recipe)}: its exports could not be tried: {error}")
        except UserError as error:
            reason = str(error).removeprefix(f"{file}: ")
            faults = [(", ".join(chosen.formats), reason)]
    if faults:
        fix = "change those layers, or leave the format out of export.formats"
        lines = [f"student {student_name(recipe)}: as {name}: {text}; {fix}" for name, text in faults]
        raise UserError("\n".join(lines))
