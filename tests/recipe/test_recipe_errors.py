"""Broken recipes: each error says file, line, field and fix, and all come at once. The texts are exact."""

import pytest

from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError

GOOD = """\
data: {name: digits}
teacher: digits_teacher.yaml
student: digits_tiny
label_weight: 0.1
terms: [{method: kd, weight: 0.9, temperature: 4}]
fit: {epochs: 2}
"""


def but(old, new):
    """The good recipe with one thing changed."""
    assert old in GOOD, old
    return GOOD.replace(old, new)


BROKEN = {
    "empty": (
        "",
        ["bad.yaml:1: empty; expected data, student and fit: `keras-kd new NAME` writes a recipe to edit"],
    ),
    "only comments": (
        "# nothing\n",
        ["bad.yaml:1: empty; expected data, student and fit: `keras-kd new NAME` writes a recipe to edit"],
    ),
    "a list": (
        "- 1\n- 2\n",
        ["bad.yaml:1: expected fields such as 'data:' and 'student:', got a list of 2"],
    ),
    "a word": (
        "digits\n",
        ["bad.yaml:1: expected fields such as 'data:' and 'student:', got 'digits'"],
    ),
    "bad yaml": (
        "data: {name: digits\nfit: {epochs: 1}\n",
        ["bad.yaml:2: not valid YAML: expected ',' or '}', but got ':'; check indentation and brackets"],
    ),
    "bad indentation": (
        "data:\n  name: digits\n   views: none\n",
        ["bad.yaml:3: not valid YAML: mapping values are not allowed here; check indentation and brackets"],
    ),
    "tab": (
        "data:\n\tname: digits\n",
        ["bad.yaml:2: not valid YAML: found character '\\t' that cannot start any token; indent by spaces"],
    ),
    "given twice": (
        GOOD + "label_weight: 0.2\n",
        ["bad.yaml:7: label_weight: given twice, in lines 4 and 7; keep one"],
    ),
    "python tag": (
        but("student: digits_tiny", "student: !!python/object/apply:os.system ['true']"),
        [
            "bad.yaml:3: not valid YAML: could not determine a constructor for the tag 'tag:yaml.org,2002:python/object/apply:os.system'; leave the tag out"
        ],
    ),
    "a weight that is 0 in every epoch": (
        but("weight: 0.9", "weight: {end_value: 1, delay: 2}"),
        ["bad.yaml:5: terms[0].weight: is 0 in all 2 epochs; expected some epoch with a weight above 0"],
    ),
    "a schedule of a whole number": (
        but("{method: kd, weight: 0.9, temperature: 4}", "{method: crd, negatives: {end_value: 8}}"),
        ["bad.yaml:5: terms[0].negatives: is a whole number that cannot change over the epochs; give one number"],
    ),
    "unknown top field": (
        GOOD + "optimiser: sgd\n",
        [
            "bad.yaml:7: optimiser: no such field for a recipe; its fields: data, teacher, student, label_weight, terms, peers, trust, meta, selection, cooperative, fit, bank, generations, export, search, baseline, evidence, modules, seed, seeds"
        ],
    ),
    "rare classes of a profile that has none": (
        but("{name: digits}", "{name: digits, imbalance: {profile: exponential, ratio: 10, rare: 0.9}}"),
        ["bad.yaml:1: data.imbalance.rare: is not of profile: exponential; leave it out"],
    ),
    "a transition matrix that is none": (
        but("{name: digits}", "{name: digits, label_noise: {kind: matrix, matrix: [[0.5, 0.4], [0, 1]]}}"),
        [
            "bad.yaml:1: data.label_noise.matrix: row 0 sums to 0.9, minimum 0.4; expected shares of 0 or more that sum to 1"
        ],
    ),
    "a transition matrix that is not square": (
        but("{name: digits}", "{name: digits, label_noise: {kind: matrix, matrix: [[1, 0], [0, 1], [1, 0]]}}"),
        [
            "bad.yaml:1: data.label_noise.matrix: found shape (3, 2); expected (3, 3), row c the shares of the images of class c that are labelled as each class"
        ],
    ),
    "numbers in quotes": (
        but("{epochs: 2}", "{epochs: '3', steps_per_execution: '4', learning_rate: '5e-4'}"),
        [
            "bad.yaml:6: fit.epochs: is '3'; expected a number, not text: write 3 without quotes",
            "bad.yaml:6: fit.learning_rate: is '5e-4'; expected a number, not text: write 5e-4 without quotes",
            "bad.yaml:6: fit.steps_per_execution: is '4'; expected auto, or a number, not text: write 4 without quotes",
        ],
    ),
    "a number with a separator, which is text": (
        but("epochs: 2", "epochs: 1_000"),
        ["bad.yaml:6: fit.epochs: is '1_000'; expected a number, not text: write 1000"],
    ),
    "weights in quotes": (
        but("weight: 0.9", "weight: '0.9'").replace("label_weight: 0.1", "label_weight: '0.1'"),
        [
            "bad.yaml:4: label_weight: is '0.1'; expected a number, not text: write 0.1 without quotes",
            "bad.yaml:5: terms[0].weight: is '0.9'; expected a number, not text: write 0.9 without quotes",
        ],
    ),
    "settings of a method that are no numbers": (
        but("weight: 0.9, temperature: 4}", "temperature: '4'}, {method: crd, negatives: true}"),
        [
            "bad.yaml:5: terms[0].temperature: is '4'; expected a number, not text: write 4 without quotes",
            "bad.yaml:5: terms[1].negatives: is true; expected a number",
        ],
    ),
    "numbers of a schedule in quotes": (
        but("weight: 0.9", "weight: {end_value: '1', duration: '2'}"),
        [
            "bad.yaml:5: terms[0].weight.duration: is '2'; expected a number, not text: write 2 without quotes",
            "bad.yaml:5: terms[0].weight.end_value: is '1'; expected a number, not text: write 1 without quotes",
        ],
    ),
    "names that are empty": (
        GOOD + "'': 3\n' ': 3\n",
        [
            "bad.yaml:7: found '' as a name; expected text before the colon",
            "bad.yaml:8: found ' ' as a name; expected text before the colon",
        ],
    ),
    "modules of which some are none": (
        GOOD + "modules:\n- os\n- my_layers.py\n- 3\n",
        [
            "bad.yaml:9: modules[1]: is 'my_layers.py'; expected the name of a module, such as my_layers or "
            "my_package.layers",
            "bad.yaml:10: modules[2]: is 3; expected text",
        ],
    ),
    "a module that is no name": (
        GOOD + "modules: a-b\n",
        ["bad.yaml:7: modules: is 'a-b'; expected the name of a module, such as my_layers or my_package.layers"],
    ),
    "evidence as a text": (
        GOOD + "evidence: al\n",
        ["bad.yaml:7: evidence: is 'al'; expected `all`, or fields such as {attacks: true}"],
    ),
    "evidence as a list": (
        GOOD + "evidence: [attacks]\n",
        ["bad.yaml:7: evidence: is a list of 1; expected `all`, or fields such as {attacks: true}"],
    ),
    "a baseline as a text": (
        GOOD + "baseline: please\n",
        ["bad.yaml:7: baseline: is 'please'; expected true, or fields such as {label_smoothing: 0.1}"],
    ),
    "a seed of several that is no whole number": (
        GOOD + "seeds: [0.5, 1]\n",
        ["bad.yaml:7: seeds[0]: is 0.5; expected a whole number"],
    ),
    "misspelt top field": (
        GOOD.replace("label_weight", "label_wieght"),
        ["bad.yaml:4: label_wieght: no such field for a recipe; did you mean 'label_weight'?"],
    ),
    "no data": (
        GOOD.replace("data: {name: digits}\n", ""),
        [
            "bad.yaml:1: data: is required: the images, such as data: {name: cifar100, views: crop_flip}; a plain string is the name"
        ],
    ),
    "no student": (
        GOOD.replace("student: digits_tiny\n", ""),
        ["bad.yaml:1: student: is required: the network to train, such as student: resnet20"],
    ),
    "no fit": (
        GOOD.replace("fit: {epochs: 2}\n", ""),
        ["bad.yaml:1: fit: is required: how it is trained, such as fit: {epochs: 240}"],
    ),
    "no epochs": (
        but("{epochs: 2}", "{batch_size: 8}"),
        ["bad.yaml:6: fit.epochs: is required: passes over the training images"],
    ),
    "misspelt term field": (
        but("temperature", "temprature"),
        ["bad.yaml:5: terms[0].temprature: no such field for kd; did you mean 'temperature'?"],
    ),
    "unknown method": (
        but("method: kd", "method: kdd"),
        ["bad.yaml:5: terms[0]: no method 'kdd'; did you mean 'kd'?; `keras-kd list methods` names all"],
    ),
    "no method": (
        but("method: kd, ", ""),
        ["bad.yaml:5: terms[0]: method is required; `keras-kd list methods` names all"],
    ),
    "term no mapping": (
        but("[{method: kd, weight: 0.9, temperature: 4}]", "[3]"),
        ["bad.yaml:5: terms[0]: expected a method with its settings, such as {method: kd}, got 3"],
    ),
    "terms no list": (
        but("[{method: kd, weight: 0.9, temperature: 4}]", "{method: kd}"),
        ["bad.yaml:5: terms: is a mapping; expected a list: [...]"],
    ),
    "temperature zero": (
        but("temperature: 4", "temperature: 0"),
        ["bad.yaml:5: terms[0].temperature: is 0; expected 0.0001 or more"],
    ),
    "temperature text": (
        but("temperature: 4", "temperature: hot"),
        ["bad.yaml:5: terms[0].temperature: is 'hot'; expected a number"],
    ),
    "temperature nan": (
        but("temperature: 4", "temperature: .nan"),
        ["bad.yaml:5: terms[0].temperature: is nan; expected a finite number"],
    ),
    "negative weight": (
        but("weight: 0.9", "weight: -0.9"),
        ["bad.yaml:5: terms[0].weight: is -0.9; expected 0 or more"],
    ),
    "epochs zero": (
        but("epochs: 2", "epochs: 0"),
        ["bad.yaml:6: fit.epochs: is 0; expected more than 0"],
    ),
    "epochs text": (
        but("epochs: 2", "epochs: many"),
        ["bad.yaml:6: fit.epochs: is 'many'; expected a whole number"],
    ),
    "epochs half": (
        but("epochs: 2", "epochs: 2.5"),
        ["bad.yaml:6: fit.epochs: is 2.5; expected a whole number"],
    ),
    "epochs true": (
        but("epochs: 2", "epochs: true"),
        ["bad.yaml:6: fit.epochs: is true; expected a number"],
    ),
    "batch negative": (
        but("epochs: 2", "epochs: 2, batch_size: -4"),
        ["bad.yaml:6: fit.batch_size: is -4; expected more than 0"],
    ),
    "unknown optimizer": (
        but("epochs: 2", "epochs: 2, optimizer: sdg"),
        ["bad.yaml:6: fit.optimizer: is 'sdg'; expected one of sgd, adam, adamw; did you mean 'sgd'?"],
    ),
    "unknown views": (
        but("{name: digits}", "{name: digits, views: cropflip}"),
        ["bad.yaml:1: data.views: is 'cropflip'; expected one of none, flip, crop_flip; did you mean 'crop_flip'?"],
    ),
    "unknown student": (
        but("digits_tiny", "digit_tiny"),
        ["bad.yaml:3: student: no model 'digit_tiny'; did you mean 'digits_tiny'?; `keras-kd list models` names all"],
    ),
    "a recipe without its ending": (
        but("digits_teacher.yaml", "digits_teacher"),
        ["bad.yaml:2: teacher: no model 'digits_teacher'; for the recipe of this name write digits_teacher.yaml"],
    ),
    "unknown teacher recipe": (
        but("digits_teacher.yaml", "digits_techer.yaml"),
        [
            "bad.yaml:2: teacher: no recipe 'digits_techer.yaml' next to bad.yaml or here; did you mean 'digits_teacher.yaml'?"
        ],
    ),
    "missing teacher file": (
        but("digits_teacher.yaml", "no/such/teacher.keras"),
        [
            "bad.yaml:2: teacher: no file 'no/such/teacher.keras' next to bad.yaml or here; give the path of a .keras file"
        ],
    ),
    "missing folder": (
        but("name: digits", "name: no/such/folder"),
        ["bad.yaml:1: data.name: no folder 'no/such/folder' next to bad.yaml or here; give its path"],
    ),
    "missing npz": (
        but("name: digits", "name: nothing.npz"),
        ["bad.yaml:1: data.name: no file 'nothing.npz' next to bad.yaml or here; give its path"],
    ),
    "bad function": (
        but("digits_tiny", "'my package:fn'"),
        ["bad.yaml:3: student: 'my package:fn' is no function; expected package.module:function"],
    ),
    "l2 with adam": (
        but("epochs: 2", "epochs: 2, optimizer: adam, l2: 5e-4"),
        ["bad.yaml:6: fit.l2: only sgd couples it; with adam use weight_decay (adamw)"],
    ),
    "weight decay with sgd": (
        but("epochs: 2", "epochs: 2, weight_decay: 0.1"),
        ["bad.yaml:6: fit.weight_decay: only adamw decouples it; with sgd use l2 (sgd)"],
    ),
    "drops fall": (
        but("epochs: 2", "epochs: 20, drops: [9, 3]"),
        ["bad.yaml:6: fit.drops: is [9, 3]; expected rising epochs"],
    ),
    "drops and cosine": (
        but("epochs: 2", "epochs: 2, drops: [1], decay: cosine"),
        ["bad.yaml:6: fit.decay: cosine and drops exclude each other; keep one"],
    ),
    "warmup too long": (
        but("epochs: 2", "epochs: 2, warmup_epochs: 2"),
        ["bad.yaml:6: fit.warmup_epochs: is 2; training has only 2 epochs"],
    ),
    "terms without teacher": (
        GOOD.replace("teacher: digits_teacher.yaml\n", ""),
        ["bad.yaml:4: terms: there is no teacher; give one, or drop the terms"],
    ),
    "teacher without terms": (
        GOOD.replace("terms: [{method: kd, weight: 0.9, temperature: 4}]\n", ""),
        ["bad.yaml:2: teacher: no term with a weight above 0 uses it; add terms: [{method: kd}], or drop it"],
    ),
    "nothing to learn": (
        but("label_weight: 0.1", "label_weight: 0").replace("weight: 0.9", "weight: 0"),
        [
            "bad.yaml:2: teacher: no term with a weight above 0 uses it; add terms: [{method: kd}], or drop it",
            "bad.yaml:4: label_weight: is 0 and no term has a weight above 0: nothing to learn from",
        ],
    ),
    "student a recipe": (
        but("student: digits_tiny", "student: digits_teacher.yaml"),
        ["bad.yaml:3: student: a recipe cannot be a student; name a model, or a .keras file to go on from"],
    ),
    "a schedule with a wrong field": (
        but("weight: 0.9", "weight: {end_value: 0.9, duraton: 20}"),
        ["bad.yaml:5: terms[0].weight.duraton: no such field for weight; did you mean 'duration'?"],
    ),
    "a schedule without its end": (
        but("label_weight: 0.1", "label_weight: {duration: 20}"),
        ["bad.yaml:4: label_weight.end_value: is required: the value at the end"],
    ),
    "a weight that becomes negative": (
        but("weight: 0.9", "weight: {start_value: 1, end_value: -1, duration: 4}"),
        ["bad.yaml:5: terms[0].weight: becomes -1; expected 0 or more"],
    ),
    "a temperature that becomes zero": (
        but("temperature: 4", "temperature: {start_value: 4, end_value: 0, duration: 4}"),
        ["bad.yaml:5: terms[0].temperature: in some epoch is 0.0; expected 0.0001 or more"],
    ),
    "a schedule of a temperature with a word": (
        but("temperature: 4", "temperature: {end_value: four}"),
        ["bad.yaml:5: terms[0].temperature.end_value: is 'four'; expected a number"],
    ),
    "peers that nobody reads": (
        GOOD + "peers: [digits_tiny]\n",
        ["bad.yaml:7: peers: no term reads them; add terms: [{method: dml}], or cooperative: true, or drop them"],
    ),
    "an unknown peer": (
        GOOD + "peers: [digits_tinny]\n",
        [
            "bad.yaml:7: peers: no term reads them; add terms: [{method: dml}], or cooperative: true, or drop them",
            "bad.yaml:7: peers[0]: no model 'digits_tinny'; did you mean 'digits_tiny'?; `keras-kd list models` names all",
        ],
    ),
    "trust without held-out images": (
        GOOD + "trust: {measure: accuracy}\n",
        ["bad.yaml:7: trust: it is measured on validation images and there are none; set data.validation"],
    ),
    "weights of the zoo": (
        but("student: digits_tiny", "student: {model: digits_tiny, weights: imagenet}"),
        ["bad.yaml:3: student.weights: only keras.applications models have them, digits_tiny is none"],
    ),
    "validation 1.5": (
        but("{name: digits}", "{name: digits, validation: 1.5}"),
        ["bad.yaml:1: data.validation: is 1.5; expected a fraction below 1 or a whole number"],
    ),
    "mean without std": (
        but("{name: digits}", "{name: digits, mean: [0.5]}"),
        ["bad.yaml:1: data.mean: mean and std go together; give both or neither"],
    ),
    "image size zero": (
        but("{name: digits}", "{name: digits, image_size: 0}"),
        ["bad.yaml:1: data.image_size: is 0; expected 1 or more pixels"],
    ),
    "too many pixels": (
        but("{name: digits}", "{name: digits, image_size: 1000000}"),
        ["bad.yaml:1: data.image_size: is 1000000; expected 10000 or less"],
    ),
    "pixels of no number": (
        but("{name: digits}", "{name: digits, image_size: large}"),
        ["bad.yaml:1: data.image_size: is 'large'; expected a whole number, or a list: [...]"],
    ),
    "settings of a teacher that are no numbers": (
        but("teacher: digits_teacher.yaml", "teacher: {model: digits_teacher.yaml, settings: {fit.epochs: [.nan]}}"),
        ["bad.yaml:2: teacher.settings.fit.epochs: is a list of 1; expected finite numbers"],
    ),
    "a term that would begin after the training": (
        but("{method: kd, weight: 0.9, temperature: 4}", "{method: kcd}"),
        [
            "bad.yaml:5: terms[0].match_after: is 20; training has only 2 epochs, so nothing would be taught",
        ],
    ),
    "a temperature that makes its term nothing": (
        but("temperature: 4", "temperature: 1.0e-30"),
        ["bad.yaml:5: terms[0].temperature: is 1e-30; expected 0.0001 or more"],
    ),
    "unknown format": (
        GOOD + "export: {formats: [tflite]}\n",
        [
            "bad.yaml:7: export.formats[0]: is 'tflite'; expected one of saved_model, litert_float32, litert_float16, litert_dynamic, litert_int8, litert_int8_float, onnx"
        ],
    ),
    "unknown gate": (
        GOOD + "export: {gates: {int8_drop: 0.1}}\n",
        ["bad.yaml:7: export.gates.int8_drop: no such field for export.gates; did you mean 'int8_accuracy_drop'?"],
    ),
    "an empty name": (
        but("student: digits_tiny", "student: ''"),
        ["bad.yaml:3: student: no model ''; `keras-kd list models` names all"],
    ),
    "settings of a teacher that is a recipe": (
        but("teacher: digits_teacher.yaml", "teacher: {model: digits_teacher.yaml, pixels: unit}"),
        ["bad.yaml:2: teacher.pixels: a teacher that is a recipe knows it itself; leave it out"],
    ),
    "seed negative": (
        GOOD + "seed: -1\n",
        ["bad.yaml:7: seed: is -1; expected 0 or more"],
    ),
    "precision": (
        but("epochs: 2", "epochs: 2, precision: fp16"),
        ["bad.yaml:6: fit.precision: is 'fp16'; expected one of float32, mixed_bfloat16, mixed_float16"],
    ),
    "nested typo": (
        but("epochs: 2", "epoch: 2"),
        ["bad.yaml:6: fit.epoch: no such field for fit; did you mean 'epochs'?"],
    ),
    "student number": (
        but("student: digits_tiny", "student: 20"),
        ["bad.yaml:3: student: is 20; expected fields: {name: value, ...}"],
    ),
    "two at once": (
        but("temperature: 4", "temprature: 4").replace("epochs: 2", "epochs: 0"),
        [
            "bad.yaml:5: terms[0].temprature: no such field for kd; did you mean 'temperature'?",
            "bad.yaml:6: fit.epochs: is 0; expected more than 0",
        ],
    ),
    "meta of no kind": (
        GOOD + "meta: 3\n",
        ["bad.yaml:7: meta: is 3; expected true, or fields such as {trial_step_size: 0.05}"],
    ),
    "meta without a teacher": (
        "data: {name: digits}\nstudent: digits_tiny\nfit: {epochs: 2}\nmeta: true\n",
        ["bad.yaml:4: meta: there is no teacher to be taught; give one, or drop it"],
    ),
    "cooperative by a way that it has not": (
        GOOD + "cooperative: {held_out: 1.5, how: search}\n",
        ["bad.yaml:7: cooperative.how: is 'search'; expected one of descent, walk"],
    ),
    "cooperative with what it excludes": (
        GOOD + "cooperative: {held_out: 1.5}\ngenerations: 2\n",
        [
            "bad.yaml:2: teacher: with cooperative the networks teach each other; leave it out, or drop cooperative",
            "bad.yaml:4: label_weight: with cooperative labels are all that networks learn from; leave it out, or drop "
            "cooperative",
            "bad.yaml:5: terms: with cooperative networks learn from labels and examples alone; leave it out, or drop "
            "cooperative",
            "bad.yaml:7: cooperative: there are no networks to cooperate with; give peers, such as peers: [resnet20]",
            "bad.yaml:7: cooperative.held_out: is 1.5; expected a fraction below 1 or a whole number",
            "bad.yaml:8: generations: with cooperative no network teaches the next; leave it out, or drop cooperative",
        ],
    ),
    "cooperative with what its walk does not read": (
        "data: {name: digits}\nstudent: digits_tiny\nfit: {epochs: 2}\npeers: [digits_tiny]\n"
        "cooperative: {distance_weight: 0.5}\nbank: full\n",
        [
            "bad.yaml:5: cooperative.distance_weight: is of how: descent; take it, or leave the weight out",
            "bad.yaml:6: bank.mode: with cooperative there is no teacher whose answers it could hold; leave it out, or "
            "drop cooperative",
        ],
    ),
    "cooperative of no kind": (
        GOOD + "cooperative: 3\n",
        ["bad.yaml:7: cooperative: is 3; expected true, or fields such as {rounds: 3}"],
    ),
    "meta through layers": (
        but("{method: kd, weight: 0.9, temperature: 4}", "{method: at}") + "meta: true\n",
        [
            "bad.yaml:5: terms[0]: at reads or trains more than logits, through which alone meta teaches the teacher; "
            "take kd, dkd, dist or another term of logits, or drop meta"
        ],
    ),
    "meta with what it excludes": (
        but("fit: {epochs: 2}", "fit: {epochs: 2, precision: mixed_float16}")
        + "meta: true\nbank: full\ngenerations: 2\n",
        [
            "bad.yaml:6: fit.precision: in float16 the gradients of a trial vanish; use mixed_bfloat16 or float32, or "
            "drop meta",
            "bad.yaml:8: bank.mode: a bank holds what the teacher said before meta taught it; leave bank out, or drop "
            "meta",
            "bad.yaml:9: generations: with meta each teacher would be moved away from the student that it was; set "
            "generations: 1, or drop meta",
        ],
    ),
    "meta of an ensemble": (
        but("teacher: digits_teacher.yaml", "teacher: [digits_cnn, digits_cnn]") + "meta: true\n",
        ["bad.yaml:2: teacher.ensemble: meta teaches one network; name one of them as the teacher, or drop meta"],
    ),
    "meta that teaches in no epoch": (
        GOOD + "meta: {teacher_learning_rate: {end_value: 0.1, delay: 5}, held_out: 1.5}\n",
        [
            "bad.yaml:7: meta.held_out: is 1.5; expected a fraction below 1 or a whole number",
            "bad.yaml:7: meta.teacher_learning_rate: is 0 in all 2 epochs, so that the teacher stays; expected some "
            "epoch above 0, or drop meta",
        ],
    ),
    "selection of no kind": (
        GOOD + "selection: 3\n",
        ["bad.yaml:7: selection: is 3; expected a policy, or fields such as {policy: bandit, interval: 2}"],
    ),
    "selection without what it needs": (
        but("label_weight: 0.1", "label_weight: 0") + "selection: {discount: 0.5, interval: 2}\nmeta: true\n",
        [
            "bad.yaml:4: label_weight: is 0 in some epoch, and where no term is chosen the student learns from labels "
            "alone; give a number above 0, or drop selection",
            "bad.yaml:7: selection: and meta exclude each other: each asks for trainings of its own; keep one",
            "bad.yaml:7: selection: is rewarded on validation images and there are none; set data.validation, or drop it",
            "bad.yaml:7: selection.discount: is of policy: actor_critic; take it, or leave it out",
            "bad.yaml:7: selection.interval: is 2 of 2 epochs; expected two intervals or more, as the first is not "
            "learnt from; lower it, or take unit: steps",
        ],
    ),
    "selection of nothing": (
        "data: {name: digits, validation: 20}\nstudent: digits_tiny\nfit: {epochs: 2}\nselection: bandit\n",
        ["bad.yaml:4: selection: there are no terms to choose from; give terms: [{method: kd}, ...], or drop it"],
    ),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def errors_of(tmp_path, text, **options):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UserError) as error:
        load("bad.yaml", **options)
    return str(error.value).splitlines()


def test_the_good_recipe_is_good(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    assert load("good.yaml").fit.epochs == 2


# Of data that come with the package, or are listed with their size, all that can be known without reading them.
UNFIT = {
    "digits, classes: [0, 12]": "data.classes: found 12; expected two or more different numbers, 0 to 9",
    "digits, classes: [0, 1], groups: [[0], [2]]": "data.groups: found class 2; expected 0 to 1, as `classes` leaves "
    "them",
    "digits, validation: 5000": "data.validation: found 5000; expected a fraction between 0 and 1, or a whole number "
    "1..1441; correct it",
    "digits, test_fraction: 0.2": "data.test_fraction: found 0.2, but digits has a test split; expected nothing; leave "
    "it out",
    "digits, views: {cutout: 9}": "data.views.cutout: is 9 and the images are 8x8; expected a hole smaller than the "
    "image",
    "digits, mean: [0.1, 0.2], std: [1, 1]": "data.mean: found [0.1, 0.2]; expected a list of 1, one number a channel; "
    "correct it",
    "digits, train_images: 20, folds: 50, without_fold: 2": "data.folds: found 50; expected a whole number, 2 to 20 "
    "(images); correct it",
    "digits, label_noise: {kind: superclass, rate: 0.2}": "data.label_noise.superclasses: none are known of this "
    "dataset (known: cifar100); give a list, one number per class",
    "known_probabilities, image_size: 9": "data.name: known_probabilities: found image_size (9, 9); expected 8 x 8 "
    "pixels, of which the probabilities are; leave image_size out",
    "cifar100, classes: [0, 100]": "data.classes: found 100; expected two or more different numbers, 0 to 99",
}


@pytest.mark.parametrize("data", UNFIT)
def test_what_does_not_fit_known_data_is_refused_unread(data, tmp_path):
    assert errors_of(tmp_path, but("name: digits", f"name: {data}")) == [f"bad.yaml:1: {UNFIT[data]}"]


NETWORKS = {
    "student: MobileNetV2": "student: MobileNetV2: found images of 8x8; expected at least 32x32; enlarge the images "
    "(data.image_size, for a folder of images), or take a network for small ones (resnet20)",
    "student: {model: resnet8, arguments: {wdth: 3}}": "student: resnet8: arguments: found 'wdth'; it takes no such "
    "argument; it takes width_multiplier",
    "student: {model: resnet8, pixels: unit}": "student: resnet8: pixels: found 'unit'; it takes pixels and normalises "
    "them itself; leave it out",
}


@pytest.mark.parametrize("student", NETWORKS)
def test_what_is_known_of_networks_is_refused_unbuilt(student, tmp_path):
    assert errors_of(tmp_path, but("student: digits_tiny", student)) == [f"bad.yaml:3: {NETWORKS[student]}"]


def test_what_is_held_out_of_known_data_is_refused_unread(tmp_path):
    wrong = "found 5000; expected a fraction between 0 and 1, or a whole number 1..1441; correct it"
    said = errors_of(tmp_path, GOOD + "search: {validation: 5000}\nmeta: {held_out: 5000}\n")
    assert said == [f"bad.yaml:8: meta.held_out: {wrong}", f"bad.yaml:7: search.validation: {wrong}"][::-1]


@pytest.mark.parametrize("name", BROKEN)
def test_broken_recipes(name, tmp_path):
    text, expected = BROKEN[name]
    assert errors_of(tmp_path, text) == expected


@pytest.mark.parametrize(
    "setting, expected",
    [
        ("fit.epoch=3", "--set fit.epoch=3: fit.epoch: no such field for fit; did you mean 'epochs'?"),
        ("fit.epochs", "--set fit.epochs: expected dotted.path=value, such as fit.epochs=3"),
        ("fit.epochs=", "--set fit.epochs=: fit.epochs: is nothing; expected a whole number"),
        ("fit.epochs=0", "--set fit.epochs=0: fit.epochs: is 0; expected more than 0"),
        ("fit..epochs=1", "--set fit..epochs=1: expected dotted.path=value, such as fit.epochs=3"),
        ("fit.epochs=[1", "--set fit.epochs=[1: '[1' is not a valid YAML value"),
        (
            "terms.3.weight=1",
            "--set terms.3.weight=1: terms is a list of 1; expected a number below 1 in place of '3'",
        ),
        (
            "terms.first.weight=1",
            "--set terms.first.weight=1: terms is a list of 1; expected a number below 1 in place of 'first'",
        ),
        ("seed.x=1", "--set seed.x=1: seed: is a mapping; expected a whole number"),
        ("label_weight.x=1", "--set label_weight.x=1: label_weight is 0.1 and has no fields"),
        (
            "student=resnet21",
            "--set student=resnet21: student: no model 'resnet21'; did you mean 'resnet32'?; "
            "`keras-kd list models` names all",
        ),
    ],
)
def test_overrides_that_cannot_be(setting, expected, tmp_path):
    assert errors_of(tmp_path, GOOD, settings=[setting]) == [expected]


def test_overrides(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD)
    recipe = load(
        "good.yaml",
        ["fit.epochs=3", "fit.l2=5e-4", "terms.0.temperature=8", "student.arguments={}", "export.formats=[]", "seed=7"],
    )
    assert (recipe.fit.epochs, recipe.fit.l2, recipe.seed) == (3, 5e-4, 7)
    assert recipe.terms[0].settings == {"standardize": False, "target": "identity", "temperature": 8.0}
    assert (recipe.student.model, recipe.export.formats) == ("digits_tiny", ())


def test_a_resolved_recipe_reads_back_equal(tmp_path):
    import yaml

    (tmp_path / "good.yaml").write_text(GOOD)
    recipe = load("good.yaml")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "recipe.yaml").write_text(yaml.safe_dump(recipe.dump(tmp_path / "run")))
    assert load(tmp_path / "run" / "recipe.yaml") == recipe


def test_smoke_shrinks_and_never_grows(tmp_path):
    (tmp_path / "good.yaml").write_text(GOOD.replace("epochs: 2", "epochs: 240, batch_size: 8, drops: [150]"))
    recipe = load("good.yaml", smoke=True)
    assert (recipe.fit.epochs, recipe.fit.batch_size, recipe.fit.drops) == (1, 8, ())
    assert recipe.data.train_images == 64


def test_a_recipe_that_is_not_there(tmp_path):
    with pytest.raises(UserError) as error:
        load("recipes/resnet56_to_resnet21.yaml")
    assert str(error.value) == (
        "recipes/resnet56_to_resnet21.yaml: no such recipe; did you mean 'resnet56_to_resnet20'?"
    )
    with pytest.raises(UserError, match=r"a folder; expected a recipe file \(\.yaml\)"):
        load(tmp_path)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "bad.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(UserError) as error:
        load("bad.yaml")
    assert str(error.value) == "bad.yaml: not a text file; expected a recipe in YAML (UTF-8)"


def test_there_are_at_least_thirty():
    assert len(BROKEN) >= 30


def test_a_field_of_a_term_that_is_a_name_alone():
    from keras_kd.recipe.overrides import set_field

    raw = {"terms": ["kd"], "seeds": [1]}
    set_field(raw, "terms.0.temperature", 3)
    assert raw["terms"] == [{"method": "kd", "temperature": 3}]
    with pytest.raises(UserError, match="seeds.0 is 1 and has no fields"):
        set_field(raw, "seeds.0.x", 3)
