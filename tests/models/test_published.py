"""The published teachers: PyTorch checkpoints read without PyTorch, and networks of the zoo that say the same."""

import pickle
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_kd.models.published.carry import MEAN, STD, import_published
from keras_kd.models.published.checkpoint import read_checkpoint
from keras_kd.utils.errors import UserError

torch = pytest.importorskip("torch", reason="the extra `benchmarks`: pip install torch")
sys.path.insert(0, str(Path(__file__).parent))
from reference_networks import reference_network  # noqa: E402

NETWORKS = (
    "resnet20", "resnet8x4", "wrn_16_2", "vgg8", "mobilenetv2_half", "shufflenet_v1", "shufflenet_v2", "resnet50_cifar",
    "vgg13", "resnet110", "wrn_40_1",
)  # fmt: skip
FAST = ("resnet20", "vgg8")


def trained(name, classes=7):
    """A network past its start: each number of its own."""
    torch.manual_seed(0)
    network = reference_network(name, classes).eval()
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.weight.uniform_(0.5, 1.5)
                module.bias.uniform_(-0.3, 0.3)
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.5, 1.5)
    return network


@pytest.mark.parametrize(
    "name", [one if one in FAST else pytest.param(one, marks=pytest.mark.slow) for one in NETWORKS]
)
def test_a_network_says_what_the_reference_says(name, tmp_path):
    network = trained(name)
    torch.save({"epoch": 240, "model": network.state_dict(), "accuracy": torch.tensor(0.7)}, tmp_path / "ckpt.pth")
    model = import_published(name, tmp_path / "ckpt.pth")
    images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype("float32")
    given = ((images / 255 - np.array(MEAN)) / np.array(STD)).astype("float32").transpose(0, 3, 1, 2)
    with torch.no_grad():
        expected = network(torch.from_numpy(np.ascontiguousarray(given))).numpy()
    said = keras.ops.convert_to_numpy(model(images, training=False))
    assert np.abs(said - expected).max() <= 1e-5 * max(1, np.abs(expected).max())


@pytest.mark.parametrize("form", [True, False], ids=["zip", "one file, as before PyTorch 1.6"])
def test_a_checkpoint_is_read_as_pytorch_reads_it(form, tmp_path):
    base = torch.arange(24, dtype=torch.float64).reshape(4, 6)
    given = {
        "module.part": base[1:3, ::2].t(), "module.whole": base, "module.half": torch.ones(3, dtype=torch.float16),
        "module.number": torch.tensor(5), "module.empty": torch.zeros(0, 2), "module.weight": torch.nn.Parameter(base),
    }  # fmt: skip
    torch.save({"state_dict": given, "opt": Path("x")}, tmp_path / "a.pth", _use_new_zipfile_serialization=form)
    assert zipfile.is_zipfile(tmp_path / "a.pth") is form
    found = read_checkpoint(tmp_path / "a.pth")
    assert list(found) == [name.removeprefix("module.") for name in given]
    for name, value in given.items():
        np.testing.assert_array_equal(found[name.removeprefix("module.")], value.detach().numpy())


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("ran"),))


@pytest.mark.parametrize("form", [True, False])
def test_nothing_in_a_checkpoint_is_run(form, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"model": {"a": torch.ones(2)}, "evil": Evil()}
    torch.save(given, "evil.pth", _use_new_zipfile_serialization=form)
    assert read_checkpoint("evil.pth")["a"].tolist() == [1, 1]
    (tmp_path / "plain.pth").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError, match="no readable checkpoint of PyTorch"):
        read_checkpoint("plain.pth")
    assert not (tmp_path / "ran").exists()


def test_what_does_not_fit_is_refused_by_layer_and_shape(tmp_path):
    torch.save(trained("resnet20").state_dict(), tmp_path / "resnet20.pth")
    cases = {
        "resnet32": "has nothing for layer 'stage[123]_block[45]_1_conv' of resnet32",
        "resnet14": "has layer 'stage1_block3_1_bn' besides those of resnet14",
        "resnet8x4": "",
        "wrn_16_2": "is none of wrn_16_2",
        "vgg8": "has no classifier that vgg8 would have",
        "resnet21": "no published network; did you mean 'resnet",
        "digits_cnn": "no published network",
    }
    for name, message in cases.items():
        with pytest.raises(UserError, match=message) as error:
            import_published(name, tmp_path / "resnet20.pth")
        assert "\n" not in str(error.value)
    wide = trained("resnet20").state_dict()
    wide["layer1.0.conv1.weight"] = torch.zeros(16, 8, 3, 3)
    torch.save(wide, tmp_path / "wide.pth")
    with pytest.raises(
        UserError, match="kernel of layer 'stage1_block1_1_conv' is 3x3x8x16, and 3x3x16x16 in resnet20"
    ):
        import_published("resnet20", tmp_path / "wide.pth")
    torch.save(trained("resnet20"), tmp_path / "whole.pth")
    with pytest.raises(UserError, match=r"holds no state dict.*torch.save\(model.state_dict\(\), path\)"):
        import_published("resnet20", tmp_path / "whole.pth")


def test_the_command_writes_a_teacher_and_overwrites_nothing(tmp_path, monkeypatch):
    from click.testing import CliRunner

    from keras_kd.cli.main import commands
    from keras_kd.models import build

    monkeypatch.chdir(tmp_path)
    torch.save(trained("resnet8").state_dict(), "ckpt.pth")

    def called(*arguments):
        return CliRunner().invoke(commands, ["import", *arguments])

    said = called("resnet8", "ckpt.pth")
    assert said.exit_code == 0 and "resnet8.keras: " in said.output and "7 classes" in said.output
    assert build("resnet8.keras", (32, 32, 3), 7).output_shape == (None, 7)
    for arguments, message in (
        (("resnet8", "ckpt.pth"), "resnet8.keras: exists already"),
        (("resnet8", "ckpt.pth", "-o", "x.h5"), "expected the name of a .keras file"),
        (("resnet8", "ckpt.pth", "-o", "x.keras", "--mean", "0.5,0.5,0.5"), "mean and std go together"),
        (("resnet8", "ckpt.pth", "-o", "x.keras", "--mean", "half"), "expected numbers, one a channel"),
        (("resnet8", "none.pth", "-o", "x.keras"), "none.pth: no such file"),
    ):
        said = called(*arguments)
        assert said.exit_code == 2 and message in said.output and said.output.count("\n") == 1
    assert not (tmp_path / "x.keras").exists()
