"""What all tests share: the backend in the header, the folder of golden values, quiet libraries."""

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def pytest_addoption(parser):
    parser.addoption(
        "--golden",
        default=str(Path(__file__).parent / "golden"),
        help="folder with losses.json and losses.npz: values of the papers' own code",
    )


def pytest_report_header(config):
    return (
        f"keras backend: {os.environ.get('KERAS_BACKEND', 'tensorflow')}, golden values: {config.getoption('golden')}"
    )
