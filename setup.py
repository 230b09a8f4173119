"""Puts the ready recipes, which lie at the top of the checkout, into the package; all else is in pyproject.toml."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py


class BuildWithRecipes(build_py):
    """Copies recipes/ to keras_kd/recipe/library; an editable install reads recipes/ itself."""

    def run(self):
        super().run()
        if not self.editable_mode:
            library = Path(self.build_lib, "keras_kd", "recipe", "library")
            shutil.rmtree(library, ignore_errors=True)  # of an earlier build, with recipes that are gone since
            shutil.copytree("recipes", library)


setup(cmdclass={"build_py": BuildWithRecipes})
