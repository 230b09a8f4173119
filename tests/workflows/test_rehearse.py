"""A student tried before it is trained, and modules of a person's own through the commands."""

import textwrap
from pathlib import Path

import keras
import pytest
from click.testing import CliRunner
from stand_ins import UNTRAINED

from keras_kd.cli.main import commands
from keras_kd.models import saved
from keras_kd.recipe.load import load
from keras_kd.utils.errors import UserError
from keras_kd.workflows.run import rehearse as rehearsal
from keras_kd.workflows.run.dry_run import about_data, dry_run

NETS = """
    import keras

    @keras.saving.register_keras_serializable("of_rehearse")
    class Scale(keras.layers.Layer):
        def call(self, x):
            return x / 255.0

    class Plain(keras.layers.Layer):
        def call(self, x):
            return x / 255.0

    def of(first, image_shape, classes):
        image = keras.Input(image_shape)
        x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(first(image)))
        return keras.Model(image, keras.layers.Dense(classes)(x))

    def good(s, c): return of(Scale(), s, c)
    def plain(s, c): return of(Plain(), s, c)
    def with_lambda(s, c): return of(keras.layers.Lambda(lambda x: x / 2), s, c)
"""
RECIPE = """
data: {name: digits, train_images: 64, test_images: 40}
student: nets_of_rehearse:good
fit: {epochs: 1, batch_size: 32, optimizer: adam, learning_rate: 0.01}
export: {formats: []}
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(saved, "_known", {})
    monkeypatch.setattr(rehearsal, "_passed", set())
    Path("nets_of_rehearse.py").write_text(textwrap.dedent(NETS))
    Path("mine.yaml").write_text(RECIPE)
    return tmp_path


def run(*arguments):
    return CliRunner().invoke(commands, [str(one) for one in arguments], prog_name="keras-kd")


@pytest.mark.both_backends
@pytest.mark.parametrize(("name", "said"), [("with_lambda", "Lambda"), ("plain", "is not registered with Keras")])
def test_a_student_that_cannot_be_read_back_is_refused_before_training(name, said):
    student = f"student.model=nets_of_rehearse:{name}"
    for command in (["validate", "mine.yaml", "--dry-run"], ["distill", "mine.yaml", "--quiet"]):
        done = run(*command, "--set", student)
        assert done.exit_code == 2 and said in done.stderr and "Traceback" not in done.output
    assert not Path("saved_models/mine/student.keras").exists()
    assert not list(Path("saved_models").glob("**/history.csv"))


def test_what_is_wrong_with_teacher_and_student_is_said_at_once():
    settings = ["teacher=nets_of_rehearse:nobody", "terms=[kd]", "student.model=nets_of_rehearse:plain"]
    recipe = load("mine.yaml", settings)
    with pytest.raises(UserError) as caught:
        dry_run(recipe, about_data(recipe))
    lines = str(caught.value).splitlines()
    assert len(lines) == 2 and "nobody" in lines[0] and "nets_of_rehearse.Plain" in lines[1]


def test_an_export_that_cannot_be_made_is_said_before_training(monkeypatch):
    from keras_kd.export.result import result_of
    from keras_kd.utils.errors import GateError

    asked = []

    def export(file, folder, *, formats, **options):
        asked.append(formats)
        failed = result_of(formats[0], failures=["cannot be converted: NoSuchOp"])
        raise GateError("no", exports=[failed])

    monkeypatch.setattr(rehearsal, "export_files", export)
    recipe = load("mine.yaml", ["export.formats=[saved_model]"])
    said = "^student nets_of_rehearse:good: as saved_model: cannot be converted: NoSuchOp; change those"
    for _ in range(2):
        with pytest.raises(UserError, match=said):
            dry_run(recipe, about_data(recipe))
    zoo = load("mine.yaml", ["export.formats=[saved_model]", "student.model=digits_tiny"])
    dry_run(zoo, about_data(zoo))
    assert len(asked) == 2  # the zoo is known to pass


@pytest.mark.slow
def test_a_run_carries_its_modules_and_every_command_takes_them(here):
    keras.config.set_dtype_policy("float32")
    saved.know("nets_of_rehearse")
    import nets_of_rehearse as nets

    nets.good((8, 8, 1), 10).save("student.keras")
    nets.plain((8, 8, 1), 10).save("teacher.keras")
    saved._known.clear()
    refused = run("evaluate", "teacher.keras", "--data", "digits")
    assert refused.exit_code == 2 and "give --module nets_of_rehearse" in refused.stderr
    assert run("evaluate", "teacher.keras", "--data", "digits", "--module", "nets_of_rehearse").exit_code == 0
    assert run("bench", "teacher.keras", "--runs", "3", "--module", "nets_of_rehearse").exit_code == 0
    saved._known.clear()
    given = ["--set", "student.model=student.keras", "--set", "teacher=teacher.keras", "--set", "terms=[kd]"]
    assert "give --module" in run("distill", "mine.yaml", "--quiet", *given).stderr
    given += [word for name in UNTRAINED for word in ("--despite", name)]
    done = run("distill", "mine.yaml", "--quiet", *given, "--module", "nets_of_rehearse")
    assert done.exit_code == 0, done.output
    assert load("saved_models/mine/recipe.yaml").modules == ("nets_of_rehearse",)
    for command in (["evaluate"], ["bench", "--runs", "3"]):
        saved._known.clear()
        again = run(*command, "saved_models/mine")
        assert again.exit_code == 0, again.output


def test_modules_are_added_and_refused_by_the_name_that_was_given(here):
    assert load("mine.yaml", ['modules.+="nets_of_rehearse"', "modules.+=json_kd"], code=False).modules == (
        "nets_of_rehearse",
        "json_kd",
    )
    assert "modules" not in load("mine.yaml").dump()
    with pytest.raises(UserError, match="^--module not_there: no module 'not_there' can be imported"):
        load("mine.yaml", ['modules.+="not_there"'])
    with pytest.raises(UserError, match="modules: is 'my_layers.py'; expected the name of a module"):
        load("mine.yaml", ["modules=my_layers.py"])
    done = run("distill", "mine.yaml", "--module", "my_layers.py")
    assert done.exit_code == 2 and "expected the name of a module" in done.stderr


@pytest.mark.both_backends
def test_the_precision_of_a_file_is_that_of_the_recipe(here):
    saved.know("nets_of_rehearse")
    import nets_of_rehearse as nets

    nets.good((8, 8, 1), 10).save("student.keras")
    recipe = load("mine.yaml", ["student.model=student.keras", "fit.precision=mixed_bfloat16"])
    student, _ = dry_run(recipe, about_data(recipe))
    assert {one.compute_dtype for one in student.model.layers if one.weights} == {"bfloat16"}
