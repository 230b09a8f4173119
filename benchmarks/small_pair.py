"""Recipes on a part of CIFAR-100 that two CPU cores train in minutes: 20 classes at 16x16 (see `methods.py`)."""

import os
import shutil
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
DATA = "{{name: 'methods:half_size', views: crop_flip, train_images: {}, test_images: {}}}"
FIT = "{{epochs: {}, batch_size: 64, optimizer: sgd, learning_rate: 0.05, l2: 5.0e-4, decay: cosine}}"
TEACHER = "data: {data}\nstudent: resnet20\nfit: {fit}\nexport: {{formats: []}}\n"
STUDENT = (
    "data: {data}\nteacher: ./taught.yaml\nstudent: {student}\nlabel_weight: 0.1\n"
    "terms: [{{method: kd, weight: 0.9, temperature: 4}}]\nfit: {fit}\nexport: {{formats: []}}\n"
)


def begun(name, quick, images, tested, epochs):
    """(folder under saved_models/ with the teacher's recipe `taught.yaml`, the data of its recipes).

    Args:
        name: of the folder.
        quick: another folder, emptied first.
        images, tested: training and test images.
        epochs: of the teacher.
    """
    base = ROOT / "saved_models" / f"{name}{'-quick' if quick else ''}"
    if quick:
        shutil.rmtree(base, ignore_errors=True)
    base.mkdir(parents=True, exist_ok=True)
    data = DATA.format(images, tested)
    (base / "taught.yaml").write_text(TEACHER.format(data=data, fit=FIT.format(epochs)))
    return base, data


def student(data, network, epochs):
    """The recipe of a network that the teacher teaches, as text."""
    return STUDENT.format(data=data, student=network, fit=FIT.format(epochs))


def environment():
    """That of a process of the command line, which finds `methods.py`."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)])}
