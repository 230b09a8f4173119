"""The seeds of one recipe trained together on JAX: one step of all, mapped over their weights and batches.

    python benchmarks/mapped_seeds.py RECIPE FOLDER --seeds 0,1,2

Each seed's run is that of `keras-kd distill RECIPE --seed N`, with its state and its history after every epoch, its
student and its report; only the steps are taken for all at once. It goes on after any kill. Whether that is faster than
one after the other is measured by `gpu_choice.py`. A seed's weights are those of its own run up to rounding, not to the
bit; how many seeds are mapped is part of the program, so that a seed that has ended keeps its lane, idle.
"""

import argparse
import contextlib
import operator
import os
import time
from pathlib import Path


class Lane:
    """One seed: its run, held while it trains.

    Args:
        number: of the lane.
        job: its `_Job`, looked at.
        context: its `RunContext`.
        training: its `Training`.
    """

    def __init__(self, number, job, context, training):
        import keras

        from keras_kd.workflows.run.train import callbacks_of

        self.number, self.job, self.context, self.training = number, job, context, training
        self.distiller, self.steps = training.distiller, training.steps
        callbacks = callbacks_of(context, training)
        self.record = callbacks[-1]
        self.callbacks = keras.callbacks.CallbackList(callbacks, model=self.distiller)

    @property
    def epoch(self):
        return len(self.training.rows)

    def shared(self):
        """The variables that are the same for all lanes: the images on the device, the teacher."""
        layers = [one for one in (self.distiller.views, self.distiller.teacher) if one is not None]
        return {id(variable) for layer in layers for variable in layer.variables}

    def groups(self):
        """The variables of a step's state, in Keras's order."""
        model = self.distiller
        others = model.non_trainable_variables
        return model.trainable_variables, others, model.optimizer.variables, model.metrics_variables


def lane_of(number, recipe, folder, name, held):
    """The `Lane` of a recipe and its seed, or None where its student is trained already."""
    from keras_kd.recipe.folders import RunFolder
    from keras_kd.utils.stages import Stages
    from keras_kd.workflows.run.context import RunContext
    from keras_kd.workflows.run.distill import _Job
    from keras_kd.workflows.run.folder import hold_run
    from keras_kd.workflows.run.load_teacher import load_teacher
    from keras_kd.workflows.run.missing import RunToMake
    from keras_kd.workflows.run.train import prepare

    files = RunFolder(folder)
    if files.student.exists():
        return None
    owned = held.enter_context(hold_run(files, recipe))
    job = _Job(RunToMake(recipe, files, name), owned, False, True, time.monotonic())
    # What the training takes is kept with each run, though it was of all.
    job.spent = Stages()
    held.enter_context(job.spent.stage("training"))
    job.look()
    teacher = load_teacher(recipe, job.dataset, folder, smoke=False)
    context = RunContext(recipe, job.dataset, files, name, True)
    training = prepare(context, teacher, begin=lambda: job._begin(job.dataset))
    lane = Lane(number, job, context, training)
    lane.record.begin(fill_all=recipe.bank.mode == "full")
    lane.distiller._symbolic_build(data_batch=lane.steps[0])
    return lane


class MappedStep:
    """Steps of all lanes at once: states stacked as an epoch begins, taken apart as it ends.

    Args:
        lanes: [`Lane`], those that train.
        width: how many lanes the program has; one that has ended is filled by the first.
        count: steps a call; on a CPU 1, where a loop runs convolutions on one core.
    """

    def __init__(self, lanes, width, count):
        import jax

        self.width, self.count = width, count
        model, shared = lanes[0].distiller, lanes[0].shared()
        self.same = [id(variable) in shared for variable in lanes[0].groups()[1]]

        def step(state, batch, common):
            trainable, own, optimizer, metrics = state
            others = _woven(self.same, common, own)
            logs, (trainable, others, optimizer, metrics) = model.train_step(
                (trainable, others, optimizer, metrics), batch
            )
            own = [value for value, same in zip(others, self.same, strict=True) if not same]
            changed = (trainable, own, optimizer, metrics)
            # A loop's state keeps its type, also where a step would make a weak one of it.
            return jax.tree.map(lambda new, old: jax.lax.convert_element_type(new, old.dtype), changed, state), logs

        mapped = jax.vmap(step, in_axes=(0, 0, None))

        def several(state, batches, common):
            return jax.lax.scan(lambda state, batch: mapped(state, batch, common), state, batches)

        self._one, self._several = jax.jit(mapped, donate_argnums=0), jax.jit(several, donate_argnums=0)
        self._stack = jax.jit(lambda states: jax.tree.map(lambda *parts: jax.numpy.stack(parts), *states))
        self._apart = jax.jit(lambda state: [jax.tree.map(operator.itemgetter(k), state) for k in range(width)])

    def epoch(self, lanes):
        """Trains every lane through its epoch; returns {lane's number: loss}."""
        filled = self._filled(lanes)
        values = [[[one.value for one in group] for group in lane.groups()] for lane in filled]
        common = [one for one, same in zip(values[0][1], self.same, strict=True) if same]
        for state in values:
            state[1] = [one for one, same in zip(state[1], self.same, strict=True) if not same]
        state = self._stack([tuple(one) for one in values])
        logs = None
        for first, last in self._calls(lanes[0].steps):
            state, logs = self._call(state, filled, first, last, common)
        apart = self._apart(state)
        for lane in lanes:
            trainable, own, optimizer, metrics = apart[lane.number]
            new = (trainable, _woven(self.same, common, own), optimizer, metrics)
            for variables, found in zip(lane.groups(), new, strict=True):
                for variable, value in zip(variables, found, strict=True):
                    variable.assign(value)
        return {lane.number: float(logs["loss"][lane.number]) for lane in lanes}

    def _filled(self, lanes):
        """A lane for each place: those that train in their own, the first of them where one has ended."""
        of_place = {lane.number: lane for lane in lanes}
        return [of_place.get(place, lanes[0]) for place in range(self.width)]

    def _calls(self, steps):
        """[(first step, the one after the last)] of each call; the last batch, which may be smaller, by itself."""
        whole = len(steps.labels) // steps.batch_size
        firsts = range(0, whole, self.count)
        calls = [(first, min(first + self.count, whole)) for first in firsts]
        return calls + [(one, one + 1) for one in range(whole, len(steps))]

    def _call(self, state, lanes, first, last, common):
        import jax
        import numpy as np

        steps = []
        for number in range(first, last):
            parts = [lane.steps[number] for lane in lanes]
            steps.append(jax.tree.map(lambda *values: np.stack(values), *parts))
        if len(steps) == 1:
            return self._one(state, steps[0], common)
        batches = jax.tree.map(lambda *values: np.stack(values), *steps)
        state, logs = self._several(state, batches, common)
        return state, jax.tree.map(lambda values: values[-1], logs)


def _woven(same, common, own):
    """The values of all lanes and those of one lane, in the order in which they belong."""
    common, own = iter(common), iter(own)
    return [next(common) if one else next(own) for one in same]


def train_together(recipe, folders, name):
    """Trains the seeds of a recipe to the end of their epochs; leaves each run's `student.keras`.

    Args:
        recipe: a `Recipe`.
        folders: {seed: folder of its run}.
        name: of the recipe.
    """
    from keras_kd import backend
    from keras_kd.workflows.run.train import keep

    with contextlib.ExitStack() as held:
        lanes = [
            lane_of(number, recipe.with_seed(seed), folder, name, held)
            for number, (seed, folder) in enumerate(folders.items())
        ]
        lanes, width = [lane for lane in lanes if lane is not None], len(folders)
        given = recipe.fit.steps_per_execution
        count = backend.steps_per_execution() if given == "auto" else given
        step = MappedStep(lanes, width, count) if lanes else None
        while lanes:
            for lane in lanes:
                lane.distiller.reset_metrics()
                lane.distiller.set_epoch(lane.epoch)
                lane.steps.begin(lane.epoch)
                lane.callbacks.on_epoch_begin(lane.epoch)
            losses = step.epoch(lanes)
            for lane in lanes:
                lane.callbacks.on_train_batch_end(len(lane.steps) - 1, {"loss": losses[lane.number]})
                lane.callbacks.on_epoch_end(lane.epoch, lane.distiller.get_metrics_result())
                lane.job.spent.mark()
                if lane.epoch == lane.training.until:
                    lane.record.tensorboard.close()
                    keep(lane.context.files, lane.training)
            lanes = [lane for lane in lanes if lane.epoch < lane.training.until]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recipe")
    parser.add_argument("folder", type=Path, help="that of the runs; a run is FOLDER/NAME, FOLDER/NAME-seed1, ...")
    parser.add_argument("--seeds", required=True, help="such as 0,1,2")
    parser.add_argument("--despite", action="append", default=[], help="as of `keras-kd distill`")
    chosen = parser.parse_args()
    os.environ["KERAS_BACKEND"] = "jax"
    from keras_kd import distill
    from keras_kd.recipe.folders import run_name
    from keras_kd.recipe.load import load

    name, recipe = Path(chosen.recipe).stem, load(chosen.recipe)
    seeds = [int(one) for one in chosen.seeds.split(",")]
    folders = {seed: chosen.folder / run_name(name, seed, recipe.seed, False) for seed in seeds}
    train_together(recipe, folders, name)
    for seed, folder in folders.items():
        distill(chosen.recipe, out=folder, seed=seed, quiet=True, despite=chosen.despite)


if __name__ == "__main__":
    main()
