"""The command that takes over a network that was published elsewhere: import."""

import click

from keras_kd.cli.common import A_PATH, command
from keras_kd.utils.errors import UserError
from keras_kd.utils.screen import print_result


def _numbers(ctx, param, value):
    """An option of several numbers, one a channel."""
    if value is None:
        return None
    try:
        return tuple(float(one) for one in value.split(","))
    except ValueError:
        raise UserError(
            f"{param.opts[0]}: found {value!r}; expected numbers, one a channel: 0.5071,0.4867,0.4408"
        ) from None


@command("import")
@click.argument("network", metavar="NETWORK")
@click.argument("checkpoint", type=A_PATH)
@click.option("-o", "--out", type=A_PATH, help="The .keras file; NETWORK.keras here by default.")
@click.option("--mean", callback=_numbers, metavar="N,N,N", help="Of its training, in 0..1; CIFAR-100's by default.")
@click.option("--std", callback=_numbers, metavar="N,N,N", help="As --mean.")
def import_command(network, checkpoint, out, mean, std):
    """Turn a PyTorch checkpoint of the reference protocol's networks into a .keras file, a teacher.

    Needs no PyTorch, and runs nothing that is in the file. NETWORK is a name of the zoo, such as resnet56 or wrn_40_2.

    \b
    Example:
        keras-kd import resnet56 ckpt_epoch_240.pth
        keras-kd import resnet32x4 ckpt_epoch_240.pth -o teachers/resnet32x4.keras
    """
    from keras_kd.workflows.import_published import import_published

    said = import_published(network, checkpoint, out, mean=mean, std=std)
    print_result(f"{said.file}: {said.parameters:,} parameters, {said.classes} classes, images of 32x32x3")
    print_result(f"next: teacher: {said.file} in a recipe; `keras-kd evaluate {said.file} --data cifar100` measures it")
