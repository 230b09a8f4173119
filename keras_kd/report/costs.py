"""What a network and a run cost: size, work, latency, time."""

from keras_kd.report.section import Section, Share, described


class Cost(Section):
    """What a network costs."""

    parameters: int | None = described("trainable numbers")
    macs: int | None = described("multiply-accumulates per image")
    bytes: int | None = described("of all weights in memory")
    file_bytes: int | None = described("of `student.keras`")


class Timing(Section):
    """How long one image takes, once the runtime has warmed up."""

    median: float | None = described("milliseconds")
    p90: float | None = described("milliseconds that nine of ten images do not exceed")
    n: int | None = described("images that were timed, one after the other")
    warm_up: int | None = described("images before those")
    threads: int | None = described("that the runtime may use; None for its own choice")


class Latencies(Section):
    """One image through the Keras models, both in one process: what they take next to each other."""

    student: Timing | None = described("of the student")
    teacher: Timing | None = described("of its teacher")
    runtime: str | None = described("what ran them, such as Keras on tensorflow")
    device: str | None = described("on which they ran")


class Time(Section):
    """Where the time of a run went."""

    seconds: dict[str, float | None] | None = described(
        "of teacher, student, data, training, teacher_run, measuring, total (until it is measured); in_all: all of it, "
        "by `stages`"
    )
    how: str | None = described("how the teacher's seconds are known")
    stages: dict[str, float] | None = described(
        "seconds of all commands that worked on the run, by stage; they sum to `seconds.in_all`"
    )


class Export(Section):
    """An exported file, compared with the Keras model."""

    file: str | None = described("its name in the run's folder")
    format: str | None = described("of `keras_kd.export.FORMATS`")
    bytes: int | None = described("its size")
    max_difference: float | None = described("largest difference of a logit")
    mean_difference: float | None = described("mean difference of logits")
    agreement: Share | None = described("share of the images with Keras's first class")
    accuracy: Share | None = described("of the file")
    keras_accuracy: Share | None = described("of the Keras model on the same images")
    accuracy_drop: float | None = described("the second minus the first")
    images: int | None = described("that were compared")
    latency: Timing | None = described("of one image through the file, on the CPU of the machine that exported it")
    input_scale: float | None = described("of int8 inputs: pixel = scale (value - zero point)")
    input_zero_point: int | None = described("of int8 inputs")
    any_batch: bool | None = described("whether several images at once give what one at a time gives")
    batch: int | None = described("images at once that a LiteRT file was made for; none: any number")
    inputs: str | None = described("the type of the pixels that it takes")
    outputs: str | None = described("what it gives: logits or probabilities")
    made_of: str | None = described("the Keras file that it was converted from")
    flex_ops: list[str] | None = described("operators that LiteRT has not built in")
    circumstance: str | None = described("what of the machine, not of the student, kept it from being made")
    passed: bool | None = described("whether it holds its gates, and so was kept")
    failures: list[str] | None = described("the gates that it does not hold, in words")
    seconds: float | None = described("that making and measuring it took")
