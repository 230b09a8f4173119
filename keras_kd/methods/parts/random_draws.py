"""Random numbers drawn inside a training step, different in every step."""

import keras


@keras.saving.register_keras_serializable(package="keras_kd")
class RandomDraws(keras.layers.Layer):
    """Holds the seed as a weight, so that draws go on where they stopped and JAX carries it from step to step.

    Example:
        >>> draws = RandomDraws()
        >>> draws.uniform((4,)).shape[0], draws.integers((2, 3), below=10).shape[1]
        (4, 3)
    """

    def __init__(self, **options):
        super().__init__(dtype="float32", autocast=False, **options)
        self.seed_generator = keras.random.SeedGenerator()
        self.built = True

    # Keras saves no seeds, and training is to go on with the draws that come next.

    def save_own_variables(self, store):
        store["seed"] = keras.ops.convert_to_numpy(self.seed_generator.state)

    def load_own_variables(self, store):
        self.seed_generator.state.assign(store["seed"])

    def uniform(self, shape):
        """float32 numbers in 0..1."""
        return keras.random.uniform(shape, dtype="float32", seed=self.seed_generator)

    def integers(self, shape, below):
        """int32 numbers in 0..below-1, each as likely."""
        return keras.random.randint(shape, 0, below, dtype="int32", seed=self.seed_generator)
