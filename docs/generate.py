"""Writes the pages that say so at their top, and the tables between marks of README.md and docs/performance.md; a test
holds them to it.

python docs/generate.py
"""

import inspect
import json
import re
import runpy
import typing
from pathlib import Path

import click
from pydantic import BaseModel

from keras_kd.cli.main import commands
from keras_kd.methods import METHODS
from keras_kd.methods.parts.subclass_head import TAP as SUBCLASSES
from keras_kd.methods.parts.targets import Target
from keras_kd.methods.taxonomy import KNOWLEDGE, PROBLEMS, SCHEMES
from keras_kd.recipe import (
    schema,
    schema_cooperative,
    schema_data,
    schema_fit,
    schema_meta,
    schema_networks,
    schema_pruning,
    schema_selection,
)
from keras_kd.report.report import Report
from keras_kd.report.search_result import SearchResult
from keras_kd.report.section import Section
from keras_kd.report.study_page import describe_cost, table
from keras_kd.report.study_result import StudyResult
from keras_kd.training.schedules import Schedule
from keras_kd.workflows.catalogue import groups
from keras_kd.workflows.catalogue import methods as catalogue_of_methods
from keras_kd.workflows.study.study_file import Study, cells, load_study, ready

FOLDER = Path(__file__).parent
HEADER = "<!-- Written by docs/generate.py; do not edit. -->\n"


def recipes_page():
    """Every field of a recipe, as Markdown."""
    lines = [HEADER, "# Recipes", "", _about(schema.Recipe), ""]
    lines += ["A field can be set from the command line by its path: `--set fit.epochs=3`, `--set terms.0.weight=0.5`."]
    lines += ["", *READING.strip().splitlines()]
    parts = [
        ("", schema.Recipe),
        ("data", schema_data.DataSpec),
        ("data.label_noise", schema_data.LabelNoiseSpec),
        ("data.imbalance", schema_data.ImbalanceSpec),
        ("data.views", schema_data.ViewsSpec),
        ("data.views.rand_augment", schema_data.RandAugmentSpec),
        ("teacher, student", schema_networks.ModelSpec),
    ]
    parts += [("teacher, teacher.ensemble[...]", schema_networks.MemberSpec), ("teacher", schema_networks.TeacherSpec)]
    parts += [("student", schema_networks.StudentSpec), ("student.prune", schema_pruning.PruneSpec)]
    parts += [("terms[...]", schema.TermSpec), ("a schedule", Schedule), ("trust", schema.TrustSpec)]
    parts += [("meta", schema_meta.MetaSpec), ("selection", schema_selection.SelectionSpec)]
    parts += [("cooperative", schema_cooperative.CooperativeSpec)]
    parts += [("fit", schema_fit.FitSpec), ("fit.early_stopping", schema_fit.EarlyStoppingSpec)]
    parts += [("bank", schema.BankSpec)]
    parts += [("export", schema.ExportSpec), ("export.gates", schema.GateSpec)]
    parts += [("export.int8_fine_tuning", schema.Int8FineTuningSpec)]
    parts += [("search", schema.SearchSpec), ("search.space, of each path", schema.SettingSpace)]
    parts += [("search.objective", schema.ObjectiveSpec)]
    parts += [("baseline", schema.BaselineSpec), ("evidence", schema.EvidenceSpec)]
    for name, part in parts:
        lines += ["", f"## {name or 'The whole'}", "", *([_about(part), ""] if name else [])]
        lines += ["| field | what it is | default |", "|---|---|---|"]
        for field, about in part.model_fields.items():
            if part is schema.TermSpec and field in ("settings", "schedules"):
                continue
            # What a part takes over from another stands there.
            if field in getattr(part.__base__, "model_fields", ()):
                continue
            lines.append(f"| `{field}` | {about.description} | {_default(about)} |")
    lines += ["", "## Targets", "", _about(Target), ""]
    lines += ["## Settings of the methods", "", "Each setting is followed by its default."]
    for name, method in METHODS.items():
        said = _arguments(method)
        lines += ["", f"`{name}`: {method.__doc__.strip().splitlines()[0]}", ""]
        for field, about in method.model_fields.items():
            default = _plain(about.default)
            lines.append(f"- `{field}` ({default}){': ' if field in said else ''}{said.get(field, '')}")
    return "\n".join(lines) + "\n"


def report_page():
    """Every figure of a report, as Markdown."""
    lines = [HEADER, "# Reports", "", *REPORTS.strip().splitlines()]
    parts = {"The whole": Report, **_sections(Report)}
    for file, whole in (("search.json", SearchResult), ("study.json", StudyResult)):
        parts |= {file: whole, **{f"{file}: {name}": part for name, part in _sections(whole).items()}}
    for name, part in parts.items():
        lines += [
            "",
            f"## {name}",
            "",
            _about(part).partition("\n\nExample")[0],
            "",
            "| field | what it is |",
            "|---|---|",
        ]
        lines += [f"| `{field}` | {about.description} |" for field, about in part.model_fields.items()]
    return "\n".join(lines) + "\n"


def _sections(part, name=""):
    """{dotted name: the class of the section} of all sections inside one."""
    found = {}
    for field, about in part.model_fields.items():
        inner = [one for one in _types(about.annotation) if isinstance(one, type) and issubclass(one, Section)]
        for one in inner:
            found[f"{name}{field}"] = one
            found.update(_sections(one, f"{name}{field}."))
    return found


def _types(annotation):
    """The types that an annotation is made of."""
    inside = typing.get_args(annotation)
    return [one for part in inside for one in _types(part)] if inside else [annotation]


READING = """
Recipes, studies and values of `--set` are YAML, read by the rules of version 1.2: `010` is ten, `0o10` and `0x8` are
eight, `1e-3` is a number, `no`, `yes`, `on` and `1:30` are text (a field that is true or false takes `yes` and `no`).
So are `"3"` and `1_000`: where a number is wanted they are refused, with the number to write.
Tags other than `!!str`, `!!int`, `!!float`, `!!bool`, `!!null`, `!!map`, `!!seq`, names that are not text, a name given
twice and a second document are refused. Anchors, aliases and merges (`<<`) are written out. A file has at most 512 KiB,
30,000 values once they are written out, and 50 levels; every number is finite, with a least and a largest value.
"""
REPORTS = """
`report.json` in the folder of a run. `keras_kd.Report.read("saved_models/digits")` gives it with a type for each
figure, such as `report.fidelity.agreement`; its JSON schema is `keras_kd.Report.model_json_schema()`. What a run did
not measure is not there, in Python None. Shares are in 0..1. Reports of earlier versions are read. What a search and a
study found, `search.json` and `study.json`, is typed in the same way; `keras_kd.search` and `keras_kd.study` return it.
"""


def studies_page():
    """How a study is written, and the ready ones, as Markdown."""
    lines = [HEADER, "# Studies", "", *STUDIES.strip().splitlines(), "", "## Fields", ""]
    lines += ["| field | what it is | default |", "|---|---|---|"]
    lines += [f"| `{field}` | {about.description} | {_default(about)} |" for field, about in Study.model_fields.items()]
    lines += ["", "## Ready studies"]
    for name, path in ready().items():
        found = load_study(path)
        count = len(cells(found)) * len(found.seeds)
        lines += ["", f"### {name}", "", f"{found.question} {len(cells(found))} cells, {count} runs at most.", ""]
        lines += [found.source.strip(), "", "```yaml", path.read_text(encoding="utf-8").rstrip(), "```"]
    return "\n".join(lines) + "\n"


def findings_page():
    """What the ready studies found, and whether the protocol is kept: tables of the results files, what they say."""
    lines = [HEADER, "# Findings", "", *FINDINGS_ABOUT.strip().splitlines()]
    for name, text in FINDINGS.items():
        path = FOLDER.parent / "benchmarks" / "results" / f"study_{name}.json"
        found = StudyResult(**json.loads(path.read_text(encoding="utf-8")))
        lines += ["", f"## {found.question}", ""]
        lines += [f"`keras-kd study {name}`; `{path.name}`. {found.source.strip()}", "", *table(found)]
        lines += ["", describe_cost(found), "", *text.strip().splitlines()]
    lines += ["", *runpy.run_path(str(FOLDER / "protocol_section.py"))["protocol_section"]()]
    return "\n".join(lines) + "\n"


FINDINGS_ABOUT = """
What the ready studies gave on small data: ten classes of CIFAR-100 at 16x16 pixels, a ResNet-20 that learned from
5,000 images teaching a ResNet-8 on 2,500 of them where nothing else is said, 1,000 test images, three seeds. Means and
standard deviations over seeds, at the last epoch; differences are means of differences by seed with their 95 %
interval (paired t). One of twenty such intervals misses by chance, and on so little data an effect of two points can
go unseen. What papers say is quoted as far as it could be checked.
"""

# By study: what its table says, next to what was expected.
FINDINGS = {
    "label_noise": """
Agrees with the abstract of Sarfraz et al.: with wrong labels distillation is better than labels alone, by 5.67 points
at 30 % and 6.07 at 60 % even where the teacher learned from labels as noisy as the student's, and by 11.50 and 21.47
with a teacher of clean labels; no interval of these contains 0. Without noise the gain of 4.03 points is undecided. Of
their wrong labels students on labels alone memorise 8.0 and 8.5 %, distilled ones 4.2 to 6.6 %. Calibration does
not follow: with a clean teacher ECE is 0.13 without noise and at 30 %, against 0.06 and 0.07 on labels alone.

Read it with care. The labels' own weight is 0.1 here, so a distilled student hardly sees them; a teacher of clean
labels is an upper bound that nobody has who needs it; and the teachers, with 67.0, 59.2 and 46.6 on the test images at
0, 30 and 60 % noise, saw twice as many images as the students, which is part of every gain.
""",
    "nine_methods_digits": """
Agrees with the abstract of Sarfraz et al. where labels are wrong: with 40 % of them wrong, and a teacher that learned
from labels as wrong, eight of the nine are better than labels alone by 3.00 (ONE) to 12.30 points (RKD), each with an
interval that does not hold 0; AT is undecided at +2.35. The students of all seven that have a teacher are better than
it (83.66 %). What they have in common is that wrong labels are not learned by heart: students on labels alone give
back 38 % of them, those of KD, FitNet, AT, SP and RKD 0.7 to 2.3 %, FSP 6.8, BSS 21, and the two without a teacher,
DML and ONE, 30 and 35. Calibration does not follow: ECE rises in all nine, from 0.26 to between 0.28 and 0.56.

Does not agree where classes are rare: at ratio 10 none is better. DML, BSS, ONE, KD, RKD and FSP are undecided (+1.03
to -4.69); FitNet, SP and AT are worse by 13.24, 19.91 and 37.65, decided, and hardly know the rarest class (0.9, 0
and 0 %). With clean labels only DML is better (+0.47, 0.07 to 0.87), FSP and AT are worse (-0.94, -2.82), and the
rest cannot be told apart. Weights may be what is behind it: those published for AT, SP and FitNet are of CIFAR-100,
and next to a label loss of weight 1 they may leave a small network little room for its labels, which does good where
these are wrong and harm where they are few. That was not tested.

Read it with care. Labels alone are right on 98.69 % of clean images, so that little can be won there; a teacher for
each condition stands behind all seeds; weights and temperatures were not searched; which nine the paper has is from
memory.
""",
    "three_levels": """
Only the whole of what the teacher says is better than labels alone here, by 4.10 points. Of its parts, label smoothing,
KD-pt and KD-sim alone are undecided, with means of +0.93, -0.73 and -1.87; the three largest probabilities (KD-topk)
come near to it with +2.73, undecided; and KD-pt with KD-sim in one target is worse, by 3.77. So this does not show what
Tang et al. report, that the parts recover some of the gain each. It does not speak against them either: the temperature
of KD-sim (0.3) and its form are from secondary sources, classes are ten and not a hundred, and three seeds see no two
points; `sim_temperature`, below, searches the temperature and explains the loss of 3.77. KD-sim leaves its student far
too sure of itself (ECE 0.31). The weight that the teacher gives an example goes with how sure it is of the label in all
but KD-sim (rank correlations of 0.28 to 0.65), the most where its targets have least else to say.
""",
    "three_levels_synthetic": """
On drawn images, a small CNN that learned from 2,400 of them teaching one a tenth its size on 600. In groups KD-pt gains
4.14 points over labels alone, with an interval that does not hold 0; KD-pt with KD-sim gains 4.94 and KD 5.47, both
undecided. KD-sim alone is undecided at all three of its temperatures (+0.00, +0.64, +2.31). So of what Tang et al.
report, that each part recovers some of the gain, the weight of examples is found again, and class relations alone are
not.

What is known of the data tells why, as far as it goes. Difficulty is the rank correlation of the label's probability
with the true one on test images: of the teacher 0.70, of students on labels alone 0.42. KD-pt raises that to 0.47 and
KD to 0.52; KD-sim leaves it (0.37 to 0.41), as it shows one target for all images of a class. Class relations are the
correlation of the cosines of class vectors with the true ones: of students on labels alone 0.89, of the teacher 0.84,
so that KD-sim had little to teach that they lacked. KD-pt spreads what is left over all other classes alike and blurs
the relations (0.63); with KD-sim in it they are better (0.77), and so are the probabilities (squared error of 0.241
after 0.260; KD has 0.206). Without groups KD-pt gains as much (4.17, undecided) and with KD-sim in it not more (2.89,
undecided), as it should be: it is the control. KD-sim alone is label smoothing there, and gains 2.06, decided.

At temperature 4 KD-pt with KD-sim in one target is 9.03 points below labels alone, decided, and KD 3.56 above,
undecided. The next study explains it.

Read it with care. One teacher of each kind, and one draw of images, stand behind all seeds. The drawn data of the paper
could not be read; on these the best classifier, right on 74 %, is linear, and with 50 images of each class the students
are far from it.
""",
    "sim_temperature": """
The pair of the study `three_levels`, of whose images 500 are set aside, and on these temperatures are judged. At none
is KD-sim better than labels alone: -0.67 to -2.40, undecided, and where its target hardly tells the label from the
others (0.25 of the probability for it with 1 at T 1, 0.14 with 3 at T 4) it is 9.47 and 9.27 points worse, decided. So
on these ten classes no temperature was found at which class relations alone teach. What T changes is calibration: with
0.3 ECE is 0.31 at T 4 and 0.04 at T 1, and the accuracy cannot be told apart.

That KD-pt with KD-sim loses 3.77 points in `three_levels` is found again: with 0.3 at T 4 it is 2.97 below labels alone
on the test images (-4.85 to -1.09), at T 1 0.87 below (-3.72 to 1.99), and T 4 minus T 1 is -2.10 (-3.84 to -0.36). On
the drawn images in groups of the study before, T 4 minus T 1 is -13.97 (-19.66 to -8.29). The reason is in the targets
(`python benchmarks/shown_targets.py`, `shown_targets_tensorflow.json`). T softens what the teacher says of the label,
0.67 at T 1 and 0.30 at T 4, and not the relations: what the label loses goes to the few classes most like it. On 24.5 %
of the training images such a class has then more than the label; in KD-pt at T 4 it is on 2.9 %, and with 1 in place of
0.3 on 7.0 %. KD too has another class before the label on 23.8 %, the images that the teacher gets wrong, but there it
is the image that says which; here it is the label's class, as if wrong labels were planted by class. Students learn
them: they answer with the class most like the label on 14.1 % of the test images (13.7 to 14.3 by seed), all others of
this study on 9 to 11 %; on drawn images in groups on 47 %, all others on 19 to 26 %. What else was suspected is ruled
out by the same file. The entropy of this target is that of KD at T 4 (2.02 and 2.01 nats), so it is neither one-hot nor
uniform; and its gradient is as long as that of KD at T 4 (9.8 and 10.0 times that of the labels). Both do explain
KD-sim at T 4: a student that follows it says at temperature 1 the fourth power of the target, the label and nothing
else (entropy 0.00 nats, at T 1 0.93), and its gradient is 28 times that of the labels. The recipes `kd_sim` and
`kd_pt_sim` have T 1 since.

Read it with care. On the images set aside T 4 and T 1 cannot be told apart (-1.00, -2.31 to 0.31): that T 1 is better
rests on test images and on drawn ones. The teacher, one for all seeds, has learned from the images set aside; classes
are ten; the form of both targets is from secondary sources.
""",
    "fidelity": """
Agrees with Stanton et al. in what they found of fidelity: students do not match their teachers, on the images they
were taught with (70 to 77 %) no better than on new ones (69 to 77 %), so it is not a matter of generalisation; and a
student that is a network like its teacher follows it no better (68.7 %) than one a third of its size (70.7 %), so it
is not one of size. Nearly all agreement is what two networks for this task have anyway: the students agree with a
second teacher that taught nothing on only 1.5 to 2.8 points less, and the two teachers agree on 74.1 %.

What they found of accuracy, that it need not go with fidelity, does not show here: training twice as long is the one
way that has more of both, by 4.83 points of accuracy and 6 of agreement. These students of 15 epochs are not trained
to their end, so that whatever trains them further brings them nearer to the labels and to the teacher. MixUp, which
was to make following harder and the student better, is undecided at -1.17, and so are the labels together with
the teacher at +0.87. A network like the teacher begins, in the seed that it shares with it, at its teacher's first
weights.
""",
    "fidelity_axes": """
A ResNet-8 of 20 epochs on 5,000 images teaches a ResNet-8; all students take as many steps. Of the four axes only the
start moves fidelity. From 75.3 % agreement on test images it comes to 88.0 with half of the teacher's weights (+12.70,
8.82 to 16.58) and to 94.3 with all of them (+18.93, 17.05 to 20.81), and what of it is beyond an independent teacher
from 0.9 to 6.1 and 11.5. A quarter of them gives 79.1 (+3.80, 1.28 to 6.32), nearly all of which the independent
teacher shares (2.4 beyond it). So the threshold that Stanton et al. report, 0.375, lies where it is found here, between
a quarter and a half. Accuracy comes with it to that of the teacher (57.3, 63.8 and 65.2, the teacher 65.4) and not
beyond.

The size of the distillation set cannot be told apart: 1,250, 2,500 and 5,000 images give an agreement of 75.9, 75.3 and
77.1 on test images and 74.6, 75.1 and 73.3 on those they learned from, all below 80 %, as in the paper even with 50,000
generated images. Three seeds as the teacher give +1.67 (-1.72 to 5.06) and Adam +0.70 (-0.16 to 1.56) of agreement,
undecided, as is their accuracy (+0.43 and +1.07). That what is hard is the optimisation fits: a network of the
student's shape that agrees with the teacher on 94 % is there, and students that start elsewhere do not find it even on
the images they are taught with. The two teachers agree with each other on 83.7 %, more than any student that starts
elsewhere with its teacher.

Read it with care. 12 epochs are few, so that students are not trained to their end, and part of the gap is that; a
smaller set of images is one draw of them; rates of Adam were not searched. A first run with the seeds 0 to 2, in each
of which the student begins at the first weights of a network of the study, its teacher, the independent one or one of
the three (`study_fidelity_axes_seeds_of_teachers.json`), had 1,250 and 5,000 images and Adam ahead by 2.43, 2.73 and
2.40 points with intervals that do not hold 0; the other seeds do not find that again, which shows how little three of
them see. In the seed of its own teacher a quarter of the weights gave an agreement of 90.0 %, in the two others 77.6
and 78.7: one seed, and no more than a hint that the line from a teacher's first weights to its last is another matter.
""",
    "class_imbalance": """
Does not agree with the abstract of Sarfraz et al., as far as this size can say: a teacher of the same rare classes as
its student helps at no ratio; the means are below labels alone by 0.40 to 1.87 points, all undecided. Rare classes
gain nothing from it: their accuracy is the same 17.4 % at ratio 10 and 0.0 % at ratio 50 with and without it (6.1 %
without and 8.1 % with it where half of the classes are rare), while between head and tail the student loses (37.2 to
31.3 %, 10.8 to 2.2 %). That is what Lukasik et al. warn of, a student that takes its teacher's errors for knowledge. A
teacher of balanced data, which nobody has who needs it, is worth 5.63 points at ratio 50 and 8.93 where half of the
classes have a tenth of the images, and undecided 2.77 at ratio 10; all of it comes from the classes outside of the
head.

Read it with care. Each teacher was trained on the very images of its student, 700 to 1,375 of them, and on no others,
so it is hardly better than it (51.5 % on balanced data, 31.7 at ratio 50); with balanced classes such a teacher helps
as little (-1.67, undecided). It is the teacher, more than the rarity, that this shows.
""",
    "taught_teacher": """
On handwritten digits, a small CNN that learned from all of them teaching one a tenth its size on 300. That the taught
teacher beats the fixed one is not found again here: its students are 1.78 points below, undecided, in each of the three
seeds, and not for the images that were held out of their training, as the fixed teacher with as few images is not worse
than with all. At the rate of the default the teacher stays what it is on the test images (98.87 after, 99.15 before);
taught late and at a higher rate, as the authors' script has it, it loses 14 points in one of three seeds, and its
student 6 with it.

Read it with care. The fixed teacher is right on 99 % of the test images, so there is little that it could be taught;
30 held-out images judge each trial; trial step, rates and the share held out were not searched; 60 short epochs are no
240. It says that teaching the teacher is no gain for nothing, not that there is none on the paper's data.
""",
    "knowledge_selection": """
On handwritten digits, five seeds, the same two networks. That choosing gains over all terms together is not found again
here: rewarded by accuracy once an epoch, the bandit is 1.07 points below and the actor-critic as much, the first with
an interval that does not hold 0, and neither is better than choosing at random (1.01 below). What is lost is lost by
leaving terms out half of the time. With `normalize` it is more, 1.97: these weights do not make the terms comparable.
Rewarded by the label loss every two steps the actor-critic comes to 0.17 below, undecided, at the cost of five looks at
the validation images an epoch. The best of all is one term alone, KD, at +1.24, undecided as well; that policy comes
nearest to choosing it.

Read it with care. With 100 validation images one image is a point, and an interval's change of accuracy is noise once
the first epochs have passed, so that the policy hardly comes to prefer a term. That choices of two steps do
better may be their mixing and not their choosing: choosing at random at that pace was not tried. Weights, learning
rate, horizon and discount were not searched; labels alone are as good as all terms here (+0.39, undecided), so there is
little to be chosen; and what the paper reports is of language.
""",
    "subclasses": """
Agrees with what Mueller et al. report, that subclasses carry more where classes are few: on digits in two groups,
five seeds, a student that follows five subclasses a group is 2.48 points better than one that follows the two
probabilities (1.23 to 3.73), at temperature 1 1.97 (0.87 to 3.08). It is the subclasses and not their teacher, which
is the better of the two (99.72 and 98.87): taught by its two probabilities alone a student is 1.13 below, undecided.
KD itself is no better than labels alone here (both 93.58), as two probabilities of a teacher that is nearly always
right are a label.

Read it with care. Images are 200, one teacher of each kind stands behind all seeds, temperatures 1 and 4 were tried
and no other, and that there are five digits in a group was known to who chose five subclasses.
""",
    "sampled_classes": """
Agrees with Li et al. as far as three seeds see: over 50 and over 20 of the hundred classes, drawn anew for each
example, a student is 1.07 and 1.18 points below one that is taught over all, undecided (-5.35 to 3.22, -3.94 to
1.57), and above labels alone, which are 4.47 below all, decided. Over 5 of them it is 3.12 below (-5.67 to -0.56), so
there is an end to it. Agreement with the teacher falls with the classes drawn, from 35.3 % over all to 33.4, 32.4 and
27.4.

Read it with care. Students of 12 epochs on 4,000 images of 16x16 pixels are right on 12 to 16 %; the means fall with
each step, and intervals of four points do not show a loss of one; the time is of a busy machine and says nothing.
What drawing saves where classes are very many is in `many_classes_tensorflow.json` (docs/performance.md).
""",
    "crossfit": """
On handwritten digits of which 40 % have a wrong label, and a teacher, as large as its student, that learned all 500
labels by heart. Its student learns the wrong labels with it, all of them, whether one such network teaches or the
mean of five seeds. Of five networks that each teach the fifth of the images that they did not see, the student takes
over 3.8 to 5.8 % of the wrong labels, and is 9.20 points better at temperature 1 (undecided by the interval, which
touches 0: the single teacher's students vary) and 8.26 at temperature 4 (decided). It is not that five networks are
better than one: the mean of five seeds is right on 77.2 % of the test images, that of the folds on 80.9 %, and its
students are not better than the single teacher's. So the effect that Dao et al. name, a teacher that overfits and is
cross-fitted, is found here.

Read it with care. The teachers of all runs are the same, of one seed and one draw of wrong labels: what varies is the
student. The setting was chosen so that a teacher overfits; where it does not, folds cost a fifth of its images and
five times its training. The students are not as good as the mean of the folds (76.0 against 80.9 %), which could be
used itself. Temperature, epochs and the number of folds were not searched.
""",
    "own_views": """
On handwritten digits with Cutout, three CNNs that learned from all of them teaching one a tenth their size on 300. Two
of what the abstract says are found again: on views of their own the teachers look at different places (IoU of the
Grad-CAM maps of two 0.38, and 0.47 on one view), and the student's fidelity is lower (agreement 92.96 against 95.02 %,
KL 0.19 against 0.13). The third is not: the student is worse, by 2.16 points, with an interval that does not hold 0,
and on its training images too (94.33 against 95.78, undecided), so it is not that it learns less by heart. On own
views the three teachers are worth no more than one of one view (92.39), and no more than labels alone (93.62).

Read it with care. On own views each map is as its teacher sees the image, with another square cut out, which alone
moves it. The student has 1,442 parameters and 60 epochs of 300 images: it is short of what it can learn, not in need of
being held back. The teachers are right on nearly all test images as they are, so other views can say little new of
one; three seeds share one set of teachers; and the views of the paper, its networks and its figures could not be read.
""",
    "cooperative": """
On 300 handwritten digits, a small CNN with two peers. Where all networks see all classes, cooperating is no better than
as many epochs alone: 0.47 points below alone with all images, 0.94 above alone without the held-out ones, both
undecided; few images were written for a student, as few held-out ones are wrong. Where each network lacks a
third of the classes, it learns them from the others' examples, from 57.3 % before the first round to 89.5. But that is
no merit of the examples: the held-out images passed on as they are bring as much in both (cooperating minus these:
+0.19, -2.27 to 2.65; with classes missing -0.85, -2.06 to 0.37).

The same in the plane, where the method is at home (`python benchmarks/cooperative.py`, `cooperative_tensorflow.json`):
two networks that have seen half of it each, two moons and two rings, 300 examples, 200 held out, all ways for as many
steps, three seeds. Alone 84.26 ± 1.14 and 88.35 ± 3.85, cooperating 98.36 ± 0.40 and 98.77 ± 0.41, the held-out
examples as they are 98.21 ± 0.44 and 98.59 ± 0.47 (cooperating minus these +0.15, -0.92 to 1.22, and +0.17, -0.39 to
0.73), and with all held-out examples from the beginning 98.60 ± 0.13 and 98.92 ± 0.29.

So networks do become much better than alone where each lacks what another knows, which is what the paper claims, and
what makes them so is here that labelled examples which they have wrong are added, not that these are moved to where
another network is surer. Read it with care: no setting was searched, digits are not tables, and the paper's own text
could not be read; it may hold the held-out data otherwise.
""",
}

STUDIES = """
A study runs a grid of recipes with several seeds and makes one table and one set of plots of their reports:
`keras-kd study label_noise`, or `keras-kd study mine.yaml`. Cells that train the same thing share a run; all share
teachers and banks. It can be killed and resumes; `--jobs 2` runs two processes, and the same command given on another
machine that sees the folder joins in. `study.json`, `study.md` and `study.html` are made anew from the reports each
time, so figures can be added later at no cost. The recipe of every cell stays in the folder, under `recipes/`.

The ready studies are small, so that two CPU cores do them: ten classes of CIFAR-100 at 16x16 pixels. `--set` makes them
larger: `keras-kd study label_noise --set data.classes=null --set data.image_size=null --set fit.epochs=240 --out big`
(what is set of `data` holds for the teachers as well; their epochs are those of the file: copy and edit it).
"""


def _arguments(method):
    """{field: what its class, or a class that it is made of, says of it}."""
    said = {}
    for kind in reversed(method.__mro__):
        inside = inspect.cleandoc(kind.__doc__ or "").partition("\nArgs:\n")[2].partition("\n\n")[0]
        for names, text in re.findall(r"^    (\w[\w, ]*): (.+(?:\n {8}.+)*)", inside, re.MULTILINE):
            text = " ".join(text.split()).replace("`keras_kd.methods.parts.targets.Target`", "Targets, above")
            if not text.startswith("see `"):
                said.update(dict.fromkeys(names.split(", "), text))
    return said


def _plain(value):
    if isinstance(value, Target):
        return value.short()
    return f"[{', '.join(map(str, value))}]" if isinstance(value, tuple) else value


def _about(part):
    """What a part of a recipe is, without what its docstring says to Python."""
    return inspect.cleandoc(part.__doc__).partition("\n\nArgs:")[0]


def _default(about):
    if about.is_required():
        return "required"
    if isinstance(about.default, BaseModel):
        return "see below"
    if about.default is None:
        return "none"
    if isinstance(about.default, bool):
        return f"`{str(about.default).lower()}`"
    if isinstance(about.default, tuple) and all(isinstance(one, BaseModel) for one in about.default) and about.default:
        return f"`{', '.join(one.name for one in about.default)}`"
    if isinstance(about.default, tuple):
        return f"`[{', '.join(map(str, about.default))}]`"
    return f"`{about.default}`"


COMPLETION = """
The shell completes them, names of recipes, networks and methods, folders of runs and the fields of `--set`, once one
line says so: `eval "$(_KERAS_KD_COMPLETE=bash_source keras-kd)"` in bash,
`eval "$(_KERAS_KD_COMPLETE=zsh_source keras-kd)"` in zsh, `_KERAS_KD_COMPLETE=fish_source keras-kd | source` in fish.
"""


def commands_page():
    """The help of every command, as Markdown."""
    lines = [HEADER, "# Commands", "", *COMPLETION.strip().splitlines(), ""]
    whole = commands.make_context("keras-kd", [], resilient_parsing=True)
    for command, context in _with_subcommands(commands, whole):
        context.terminal_width = 100
        lines += [f"## {context.command_path}", "", "```", command.get_help(context), "```", ""]
    return "\n".join(lines)


def _with_subcommands(command, context):
    yield command, context
    for name, one in getattr(command, "commands", {}).items():
        yield from _with_subcommands(one, click.Context(one, parent=context, info_name=name))


def readme_page():
    """README.md with its two tables."""
    return _with_tables("../README.md", {"methods": _methods(), "comparison": _comparison()})


def performance_page():
    """docs/performance.md with its tables of ratios."""
    tables = {"tax": _tax(), "against live": _against_live(), "against live with oneDNN": _against_live("_onednn")}
    return _with_tables("performance.md", {"served": _served(), **tables, "kernels": _kernels()})


def safety_page():
    """docs/safety.md with what the scripts found."""
    return _with_tables("safety.md", {"safety": _safety()})


def _safety():
    """What was tried by chance, and what came of it."""
    places, damage, kills = (_results(f"safety_{name}_tensorflow") for name in ("places", "damage", "kills"))
    images = _results("odd_images_tensorflow")
    of_commands = ", ".join(f"{name} {len(one['kills'])}" for name, one in kills["commands"].items())
    counts = ", ".join(f"{count} {kind.lower()}" for kind, count in damage["counts"].items())
    yield "| script | what | found | file |"
    yield "|---|---|---|---|"
    yield (
        f"| `benchmarks/safety_places.py` | {places['tried']} commands at folders of somebody's, `/`, `.`, `~`, a "
        f"link, a folder that cannot be written | {places['changed_or_traceback']} changed something of somebody's or "
        "gave a traceback | `safety_places_tensorflow.json` |"
    )
    yield (
        f"| `benchmarks/safety_damage.py` | {len(damage['changes'])} changes of a bit in {damage['files']} files: of a "
        f"finished run, its teacher's, its bank, its cache | {counts} | `safety_damage_tensorflow.json` |"
    )
    yield (
        f"| `benchmarks/safety_kills.py` | {kills['total']} kills at random moments ({of_commands}), the command again "
        f"| {kills['same']} ended with the files, weights, figures and rows of one that was never killed | "
        "`safety_kills_tensorflow.json` |"
    )
    yield (
        f"| `benchmarks/odd_images.py` | {images['tried']} folders of images with one odd file, or laid out oddly | "
        f"{images['used']} used or named in a line, {images['refused']} refused by name, {images['wrong']} with other "
        "pixels than a viewer shows, a traceback, more than 5 s or a program started | `odd_images_tensorflow.json` |"
    )
    mutated = _results("mutated_recipes_tensorflow")
    of_kinds = ", ".join(f"{name} {sum(one.values()):,}" for name, one in mutated["counts"].items())
    found = {name: sum(one[name] for one in mutated["counts"].values()) for name in mutated["counts"]["recipe"]}
    yield (
        f"| `benchmarks/mutated_recipes.py` | {mutated['cases']:,} recipes, studies and overrides changed at random "
        f"({of_kinds}) | {', '.join(f'{count:,} {name}' for name, count in found.items())}; the slowest took "
        f"{max(mutated['slowest'].values()):.1f} s | `mutated_recipes_tensorflow.json` |"
    )


def _with_tables(name, tables):
    """A page with {name: lines} of its tables, each between its marks."""
    page = (FOLDER / name).read_text(encoding="utf-8")
    for name, lines in tables.items():
        begin, end = f"<!-- {name}: begin (written by docs/generate.py) -->", f"<!-- {name}: end -->"
        before, mark, rest = page.partition(begin)
        _, mark_of_end, after = rest.partition(end)
        page = before + mark + "\n".join(["", *lines, ""]) + mark_of_end + after
    return page


def _methods():
    """The tables of methods, one for each knowledge and scheme, and that of the problems that they answer."""
    catalogue = catalogue_of_methods()
    for (knowledge, scheme), inside in groups(catalogue).items():
        yield f"**{knowledge.capitalize()}, {scheme}**: {KNOWLEDGE[knowledge]}; {SCHEMES[scheme]}."
        yield ""
        yield "| method | what it is | paper | needs | weight | numbers from |"
        yield "|---|---|---|---|---|---|"
        for name, said in inside.items():
            what = said["what"].replace("|", "\\|")
            needs = ", ".join(f"`{one}`" if one[:3] in ("sta", "ste", "poo") else one for one in said["needs"])
            cells = (f"`{name}`", what, said["paper"], needs, f"{said['weight']:g}", said["numbers_from"])
            yield f"| {' | '.join(cells)} |"
        yield ""
    yield "| problem | methods that answer it, as their sources say |"
    yield "|---|---|"
    for problem, about in PROBLEMS.items():
        names = ", ".join(f"`{name}`" for name, said in catalogue.items() if problem in said["problems"])
        yield f"| {problem}: {about} | {names or 'none of these'} |"


# Layers whose output of an image is a vector.
VECTORS = {"pooled", SUBCLASSES}


def _served():
    """What a bank can serve of METHODS, by their default layers."""
    served = {
        "what the networks say, or vectors": ("served", []),
        "feature maps of the teacher": ("served with `bank: {maps: true}`; else the teacher runs in each step", []),
        "the teacher on images or maps that the step makes": (
            "not served: the teacher runs in each step, and `--bank ahead` or `full` is refused",
            [],
        ),
        "no teacher": ("there is nothing to look up", []),
    }
    vectors, maps, live, none = (names for _, names in served.values())
    for name, method in METHODS.items():
        kept = all(tap in VECTORS for tap in method().taps("teacher"))
        kind = none if "teacher" not in method.roles else live if method.live else vectors if kept else maps
        kind.append(f"`{name}`")
    yield "| read is | by a bank | methods, by their default layers |"
    yield "|---|---|---|"
    for read, (answer, names) in served.items():
        yield f"| {read} | {answer} | {', '.join(names)} |"


def _comparison():
    """The table of benchmarks/methods.py, as its results have it; what is compared with other data comes last."""
    rows = _results("methods_tensorflow")["methods"]
    yield "| method | top-1 | over the student alone | agreement with the teacher | CPU, bank | CPU, no bank |"
    yield "|---|---|---|---|---|---|"
    for name, one in sorted(rows.items(), key=lambda item: (item[1]["compared_with"], -item[1]["top1"]["mean"])):
        top1, gain = ({key: 100 * one[what][key] for key in ("mean", "std")} for what in ("top1", "over_alone"))
        alone = name == one["compared_with"]
        over = "" if alone else f"{gain['mean']:+.2f} +- {gain['std']:.2f}"
        agreement = "" if one["agreement"] is None else f"{100 * one['agreement']:.1f}"
        score = f"{top1['mean']:.2f} +- {top1['std']:.2f}"
        yield f"| {name} | {score} | {over} | {agreement} | {' | '.join(('', '1') if alone else _cpu(one))} |"


def _cpu(one):
    """What an epoch costs compared with the student alone: (with the bank, without)."""
    own, other = one["cpu"], one.get("cpu_otherwise") or {}
    ratio = f"{own['over_alone']['median']:.2f}"
    otherwise = f"{other['over_alone']:.2f}" if other.get("over_alone") else ""
    if own["way"] == "bank":
        return ratio, otherwise
    if own["way"] == "no teacher":
        return "no teacher", ratio
    return ("not served" if other.get("refused") else f"{otherwise} (maps)" if otherwise else "not timed"), ratio


def _results(name):
    return json.loads((FOLDER.parent / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def _ratio(one):
    """A ratio of wall times and, in brackets, of CPU times; nothing where it was not measured."""
    return f"{one['wall']['median']:.2f} ({one['cpu']['median']:.2f})" if one else ""


def _tax():
    """What a step of KD costs compared with the student alone."""
    yield "| pair | looked up in the bank | teacher in the step |"
    yield "|---|---|---|"
    for pair, one in _results("tax_tensorflow")["pairs"].items():
        ratios = [_ratio(one["ratio"][way]) for way in ("banked", "live")]
        yield f"| {pair.replace('_to_', ' to ').replace('five_', 'five ')} | {' | '.join(ratios)} |"


# Columns and rows of the table of against_live.py.
PAIRS = {
    "resnet56_to_resnet20": "resnet56, resnet20",
    "resnet32x4_to_resnet8x4": "resnet32x4, resnet8x4",
    "wrn_40_2_to_wrn_16_2": "wrn_40_2, wrn_16_2",
    "five_resnet56_to_resnet20": "five resnet56, resnet20",
}
RATIOS = {
    "keras.distillation over the student alone in Keras": "`keras.distillation` | alone in Keras",
    "PyTorch live over the student alone in PyTorch": "PyTorch, live | alone in PyTorch",
    "keras_kd banked over the student alone in Keras": "keras_kd, bank | alone in Keras",
    "keras.distillation over keras_kd banked": "`keras.distillation` | keras_kd, bank",
    "PyTorch live over keras_kd banked": "PyTorch, live | keras_kd, bank",
    "maps: keras.distillation over the student alone in Keras": "`keras.distillation`, maps | alone in Keras",
    "maps: keras.distillation over keras_kd live": "`keras.distillation`, maps | keras_kd, maps, live",
    "maps: keras.distillation over keras_kd banked": "`keras.distillation`, maps | keras_kd, maps, bank",
}


def _against_live(kernels=""):
    """Steps of keras_kd compared with those of others, a column a pair."""
    files = {pair: file for pair in PAIRS if (file := _of_pair(pair, kernels))}
    ratios = [_results(file)["pairs"][pair]["ratio"] for pair, file in files.items()]
    yield f"| a step of | over | {' | '.join(PAIRS[pair] for pair in files)} |"
    yield "|---|---|" + "---|" * len(files)
    for name, said in RATIOS.items():
        yield f"| {said} | {' | '.join(_ratio(one.get(name)) for one in ratios)} |"
    rounds = [str(one["keras.distillation over keras_kd banked"]["wall"]["n"]) for one in ratios]
    yield f"| rounds | | {' | '.join(rounds)} |"
    yield f"| file | | {' | '.join(f'`{file}.json`' for file in files.values())} |"


def _of_pair(pair, kernels):
    """The file that has a pair: of its own, or that of all pairs; None where it was not measured."""
    files = (f"against_live_{pair}_tensorflow{kernels}", f"against_live_tensorflow{kernels}")
    there = (file for file in files if (FOLDER.parent / "benchmarks" / "results" / f"{file}.json").exists())
    return next(there, None)


def _kernels():
    """What TensorFlow's own kernels cost compared with oneDNN's."""
    yield "| | Eigen's kernels over oneDNN's |"
    yield "|---|---|"
    for what, one in _results("cpu_kernels_tensorflow")["eigen_over_onednn"].items():
        yield f"| {what.replace(' says', ' answers')} | {_ratio(one)} |"


def _litert_batch():
    """LiteRT files of any number of images and of one, as benchmarks/litert_batch.py measured them."""
    yield "| network | operators | of shapes | parts for XNNPACK | ms, any number | ms, one | ratio, quartiles |"
    yield "|---|---|---|---|---|---|---|"
    for name, one in _results("litert_batch")["networks"].items():
        both = one["any"], one["1"]
        counts = (" to ".join(str(part[key]) for part in both) for key in ("operators", "of_shapes", "delegated_parts"))
        times = (f"{part['milliseconds']['cpu']['median']:.3f}" for part in both)
        ratio = one["1_over_any"]["cpu"]
        spread = f"{ratio['median']:.2f} ({ratio['low']:.2f} to {ratio['high']:.2f})"
        yield f"| `{name}` | {' | '.join([*counts, *times])} | {spread} |"


def exports_page():
    """docs/exports.md with the table of LiteRT files."""
    return _with_tables("exports.md", {"litert batch": _litert_batch()})


PAGES: dict[str, typing.Callable] = {
    "recipes.md": recipes_page,
    "commands.md": commands_page,
    "report.md": report_page,
    "studies.md": studies_page,
    "findings.md": findings_page,
    "performance.md": performance_page,
    "safety.md": safety_page,
    "exports.md": exports_page,
    "sources.md": runpy.run_path(str(FOLDER / "sources_page.py"))["sources_page"],
    "../README.md": readme_page,
}


def main():
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
