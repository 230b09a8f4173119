"""What of a Distiller is saved: what training changes, and of the networks the student alone."""

import keras


class SavedStudent:
    """Saves and exports a Distiller's student, and saves and loads the state of its training."""

    def state(self):
        """The variables that training changes, the optimizer's included, in a fixed order."""
        variables = [variable for layer in self._trained for variable in layer.variables]
        return variables + (list(self.optimizer.variables) if self.optimizer else [])

    def save(self, filepath, **options):
        """Saves the student alone, as a plain Keras model that loads without keras_kd."""
        self.student.save(filepath, **options)

    def export(self, filepath, **options):
        """Exports the student alone."""
        return self.student.export(filepath, **options)

    def save_weights(self, filepath, **options):
        """Saves what training changes (student, adapters, optimizer) and not the teacher."""
        self._checkpoint().save_weights(filepath, **options)

    def load_weights(self, filepath, **options):
        """Loads what `save_weights` saved."""
        self._checkpoint().load_weights(filepath, **options)

    def _checkpoint(self):
        checkpoint = keras.Model(name="checkpoint")
        checkpoint.student, checkpoint.peers = self.student, self.peers
        checkpoint.glue = self.adapters  # the name in the files that earlier versions saved
        if self.optimizer is not None:
            checkpoint.training_optimizer = self.optimizer
        checkpoint.built = True
        return checkpoint
