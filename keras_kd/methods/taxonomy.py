"""The words by which methods are grouped: what knowledge they pass on, by which scheme, and against which problem.

The words for knowledge and scheme are those of Gou, Yu, Maybank, Tao: Knowledge Distillation: A Survey. International
Journal of Computer Vision 129(6), 2021, arXiv:2006.05525. Which of them a method has goes by the definitions below,
also where sources differ (FSP is of features to one, of relations to another).
"""

from keras_kd.utils.errors import UserError
from keras_kd.utils.suggest import did_you_mean, found_as

KNOWLEDGE = {
    "response": "what an output says of an example: logits, probabilities, the side of a decision boundary",
    "feature": "what layers inside a network make of an example",
    "relation": "how examples, classes or layers stand to each other",
}
SCHEMES = {
    "offline": "the teacher was trained before and does not learn",
    "online": "networks learn at the same time and teach each other",
    "self": "no other network teaches: the student does, or its labels",
}
PROBLEMS = {
    "capacity gap": "the teacher is much larger or much better than its student",
    "noise": "some labels are wrong",
    "imbalance": "some classes are rare",
    "many classes": "an output has thousands of classes",
    "no data": "the images that the teacher learned from are gone",
    "no labels": "the images have no labels",
}
_STUDY = "Sarfraz et al. 2020, abstract (which its nine methods are: second hand)"
# Of the methods of that study, which compares them under each of these problems.
STUDIED = {
    "capacity gap": f"compared under capacity gaps: {_STUDY}",
    "noise": f"gains under label noise: {_STUDY}",
    "imbalance": f"gains under class imbalance: {_STUDY}",
}


def check_word(word, words, where):
    """Refuses a word that is none of some words.

    Args:
        word: text.
        words: those that it may be.
        where: what it was given for, as the error shows it.

    Raises:
        UserError: says which it may be.

    Example:
        >>> check_word("feature", KNOWLEDGE, "--knowledge")
    """
    if word not in words:
        meant = did_you_mean(word, words) if isinstance(word, str) else ""
        raise UserError(f"{where}: found {found_as(word)}{meant}; expected one of {', '.join(words)}")


def check_facts(kind):
    """Refuses a class of methods whose `knowledge`, `scheme` or `problems` are none of the words above.

    Args:
        kind: the class; what it leaves empty is not checked.

    Raises:
        UserError: names the class and its attribute.

    Example:
        >>> from keras_kd.methods import KD
        >>> check_facts(KD)
    """
    for name, words in (("knowledge", KNOWLEDGE), ("scheme", SCHEMES)):
        if getattr(kind, name) != "":
            check_word(getattr(kind, name), words, f"{kind.__name__}.{name}")
    if not isinstance(kind.problems, dict):
        expected = "{'noise': 'the paper, section 5'}: each problem with where its source says so"
        raise UserError(f"{kind.__name__}.problems: found {found_as(kind.problems)}; expected {expected}")
    for problem, source in kind.problems.items():
        check_word(problem, PROBLEMS, f"{kind.__name__}.problems")
        if not isinstance(source, str) or not source:
            raise UserError(
                f"{kind.__name__}.problems: found {found_as(source)} for {problem!r}; say where its source says so"
            )
