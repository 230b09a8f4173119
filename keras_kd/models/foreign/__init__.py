"""Teachers that are no Keras networks: files of other runtimes, functions, stored answers; a file for each kind.

All share one contract, `keras_kd.models.foreign.answering.Answering`: they are asked about a batch of images and answer
with a row for each. `keras_kd.models.foreign.layer` makes a `keras.Model` of one, which is banked as any teacher is and
never runs in a training step.
"""
