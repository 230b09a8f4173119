"""The rows of `methods.py`: which recipe each runs, and what of it the small pair cannot have."""

from dataclasses import dataclass, field

CLASSES = 20
# Few classes, of which an output says little: as subclass.yaml has them.
GROUPS = [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]
# The kinds of teachers that learned these.
GROUPED = ("groups", "subclasses")
ALONE, ALONE_IN_GROUPS = "student alone", "student alone, two groups of classes"
COMPARED_WITH = (ALONE, ALONE_IN_GROUPS)
# Of recipes/methods/.
LEFT_OUT = {
    "subclass_teacher": "makes the teacher of subclass, and is no student's",
}


# What is timed with the bank where runs have none, and without: all that read maps or run the teacher in the step, and
# of those that read what it says in the end, or vectors, some, as the teacher's pass is what differs.
TIMED = (
    "kd", "rkd", "crd", "fitnet", "at", "sp", "vid", "kcd", "mgd", "knowledge_selection", "fcfd", "metadistil",
    "nst", "simkd", "reviewkd", "fsp", "bss",
)  # fmt: skip
# Rows that are run once all others have their seeds.
LATER = (
    "ttm", "wttm", "mse_logits", "hard_labels", "reverse_kl", "jensen_shannon", "rld", "ctkd", "bss", "fsp", "nst",
    "simkd", "reviewkd", "cc", "pkt", "dml", "one", "trust",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """What a row runs.

    Args:
        recipe: its name.
        settings: what the pair or the shorter training changes in it.
        teacher: "plain", one of `GROUPED`, or None.
        held_out: a tenth of the training images is set aside, as the recipe has it.
        grouped: the data of `GROUPS` without a teacher.
    """

    recipe: str
    settings: dict = field(default_factory=dict)
    teacher: str | None = "plain"
    held_out: bool = False
    grouped: bool = False

    @property
    def slug(self):
        """The name of its folder."""
        own = "-".join(f"{value}" for value in self.settings.values() if isinstance(value, int))
        kind = f"-{self.teacher}" if self.teacher in GROUPED else "-groups" if self.grouped else ""
        return f"{self.recipe}{kind}{f'-{own}' if own else ''}"

    @property
    def in_groups(self):
        """Whether its classes are `GROUPS`."""
        return self.grouped or self.teacher in GROUPED

    @property
    def alone(self):
        """The name of the row that it is compared with."""
        return ALONE_IN_GROUPS if self.in_groups else ALONE


def rows_of(epochs):
    """({name: `Row`}, the same of those of `LATER` and of variants).

    Args:
        epochs: of the training; what in a recipe counts in epochs is shortened with it, to one epoch or more.
    """

    def short(counted, of=240):
        return max(1, round(counted * epochs / of))

    def ramp(end, counted=20):
        return f"{{end_value: {end}, duration: {short(counted)}}}"

    rows = {
        ALONE: Row("resnet20_alone", teacher=None),
        "label_smoothing": Row("label_smoothing", teacher=None),
        **_of_logits(short, ramp),
        **_of_features(short, ramp),
        **{name: Row(name) for name in ("cc", "pkt", "rkd", "sp", "crd")},
        **_of_peers(short),
        **_chosen_and_taught(short),
        ALONE_IN_GROUPS: Row("resnet20_alone", teacher=None, grouped=True),
        "kd, two groups of classes": Row("resnet56_to_resnet20", teacher="groups"),
        "subclass, two groups of classes": Row("subclass", teacher="subclasses"),
    }
    later = {name: rows.pop(name) for name in LATER}
    return rows, {**later, **_variants(short, ramp)}


def _variants(short, ramp):
    """Other ways of what has a row, and the same methods together."""
    first, middle = short(30, 270), short(120)
    return {
        "dkd_standardized": Row("dkd_standardized", {"terms.0.weight": ramp(9)}),
        "eskd": Row(
            "eskd",
            {
                "label_weight": f"{{start_value: 0.1, end_value: 1, delay: {short(150)}}}",
                "terms.0.weight": f"{{end_value: 0.9, stop_after: {short(150)}}}",
            },
        ),
        "late_kd": Row(
            "late_kd",
            {
                "label_weight": f"{{start_value: 1, end_value: 0.1, delay: {middle}}}",
                "terms.0.weight": f"{{end_value: 0.9, delay: {middle}}}",
            },
        ),
        "fitnet_two_phases": Row(
            "fitnet_two_phases",
            {
                "label_weight": f"{{start_value: 0, end_value: 0.1, delay: {first}}}",
                "terms.0.weight": f"{{end_value: 1, stop_after: {first}}}",
                "terms.1.weight": f"{{start_value: 0, end_value: 0.9, delay: {first}}}",
            },
        ),
        "fsp_one_phase": Row("fsp_one_phase"),
        **{name: Row(name) for name in ("rkd_distance", "rkd_angle", "crd_kd")},
        "knowledge_selection, a quarter weight of at": Row(
            "knowledge_selection", {"terms.1.weight": 250}, held_out=True
        ),
    }


def _of_logits(short, ramp):
    plain = (
        "dist", "logit_standardization", "kd_pt", "kd_sim", "kd_pt_sim", "kd_topk", "double_distillation",
        "ttm", "wttm", "mse_logits", "hard_labels", "reverse_kl", "jensen_shannon", "nkd", "normkd", "ea_kd", "skew_kl",
        "gkd", "abkd",
    )  # fmt: skip
    return {
        "kd": Row("resnet56_to_resnet20"),
        # A third of the classes are drawn, as in its recipe.
        "dis": Row("dis", {"terms.0.samples": 6}),
        **{name: Row(name) for name in plain},
        "dkd": Row("dkd", {"terms.0.weight": ramp(1)}),
        "mkl": Row("mkl", {"terms.0.weight": ramp(2)}),
        "rld": Row("rld", {"terms.0.weight": ramp(1)}),
        "ctkd": Row(
            "ctkd", {"terms.0.reversal": f"{{start_value: 0, end_value: -1, duration: {short(10)}, shape: cosine}}"}
        ),
        "bss": Row(
            "bss",
            {
                "terms.0.weight": f"{{start_value: 0.4444, end_value: 0.1111, duration: {short(80, 80)}}}",
                "terms.1.weight": f"{{start_value: 2, end_value: 0, duration: {short(60, 80)}}}",
            },
        ),
    }


def _of_features(short, ramp):
    first = short(30, 270)
    taps = "[stage1_block3_add, stage2_block3_add, stage3_block3_add, pooled]"
    return {
        "fitnet": Row("fitnet"),
        "fsp": Row(
            "fsp",
            {
                "label_weight": f"{{start_value: 0, end_value: 1, delay: {first}}}",
                "terms.0.weight": f"{{end_value: 50, stop_after: {first}}}",
            },
        ),
        "at": Row("at"),
        # Its loss grows with the inverse of a map's places, and there are a quarter of them here.
        "at, a quarter weight": Row("at", {"terms.0.weight": 250}),
        "nst": Row("nst"),
        "vid": Row("vid"),
        "simkd": Row("simkd"),
        # The taps of its recipe are those of a deeper teacher's last blocks.
        "reviewkd": Row("reviewkd", {"terms.0.weight": ramp(0.6), "terms.0.teacher_taps": taps}),
        "fcfd": Row("fcfd", {"terms.0.feature_weight": ramp(0.02)}),
        "kcd": Row("kcd", {"terms.0.match_after": short(20)}),
        "mgd": Row("mgd"),
    }


def _of_peers(short):
    weight = f"{{end_value: 1, duration: {short(80, 300)}, shape: sigmoid}}"
    return {
        "dml": Row("dml", {"peers": "[resnet8, resnet8]"}, teacher=None),
        "one": Row("one", {"terms.0.kl_weight": weight}, teacher=None),
    }


def _chosen_and_taught(short):
    return {
        "ada_margin": Row("ada_margin", held_out=True),
        "trust": Row("trust", held_out=True),
        "knowledge_selection": Row("knowledge_selection", held_out=True),
        "metadistil": Row("metadistil"),
    }
