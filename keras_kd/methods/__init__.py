"""The distillation methods: one file each, and the table of them."""

from keras_kd.methods.abkd import ABKD
from keras_kd.methods.ada_margin import AdaMargin
from keras_kd.methods.at import AT
from keras_kd.methods.base import Method
from keras_kd.methods.bss import BSS
from keras_kd.methods.cc import CC
from keras_kd.methods.crd import CRD
from keras_kd.methods.ctkd import CTKD
from keras_kd.methods.dis import DIS
from keras_kd.methods.dist import DIST
from keras_kd.methods.dkd import DKD
from keras_kd.methods.dml import DML
from keras_kd.methods.double_distillation import DoubleDistillation
from keras_kd.methods.ea_kd import EAKD
from keras_kd.methods.fcfd import FCFD
from keras_kd.methods.fitnet import FitNet
from keras_kd.methods.fsp import FSP
from keras_kd.methods.gkd import GKD
from keras_kd.methods.hard_labels import HardLabels
from keras_kd.methods.jensen_shannon import JensenShannon
from keras_kd.methods.kcd import KCD
from keras_kd.methods.kd import KD
from keras_kd.methods.label_smoothing import LabelSmoothing
from keras_kd.methods.mgd import MGD
from keras_kd.methods.mkl import MKL
from keras_kd.methods.mse_logits import MSELogits
from keras_kd.methods.nkd import NKD
from keras_kd.methods.normkd import NormKD
from keras_kd.methods.nst import NST
from keras_kd.methods.one import ONE
from keras_kd.methods.pkt import PKT
from keras_kd.methods.reverse_kl import ReverseKL
from keras_kd.methods.review_kd import ReviewKD
from keras_kd.methods.rkd import RKD
from keras_kd.methods.rld import RLD
from keras_kd.methods.simkd import SimKD
from keras_kd.methods.skew_kl import SkewKL
from keras_kd.methods.sp import SP
from keras_kd.methods.subclass import Subclass
from keras_kd.methods.subclass_teacher import SubclassTeacher
from keras_kd.methods.ttm import TTM
from keras_kd.methods.vid import VID
from keras_kd.methods.wttm import WTTM

METHODS: dict[str, type[Method]] = {
    "kd": KD,
    "dkd": DKD,
    "dis": DIS,
    "dist": DIST,
    "ttm": TTM,
    "wttm": WTTM,
    "rld": RLD,
    "ctkd": CTKD,
    "mkl": MKL,
    "nkd": NKD,
    "normkd": NormKD,
    "ea_kd": EAKD,
    "mse_logits": MSELogits,
    "double_distillation": DoubleDistillation,
    "hard_labels": HardLabels,
    "reverse_kl": ReverseKL,
    "jensen_shannon": JensenShannon,
    "skew_kl": SkewKL,
    "gkd": GKD,
    "abkd": ABKD,
    "label_smoothing": LabelSmoothing,
    "ada_margin": AdaMargin,
    "subclass": Subclass,
    "subclass_teacher": SubclassTeacher,
    "at": AT,
    "cc": CC,
    "fcfd": FCFD,
    "fitnet": FitNet,
    "fsp": FSP,
    "kcd": KCD,
    "mgd": MGD,
    "nst": NST,
    "pkt": PKT,
    "reviewkd": ReviewKD,
    "rkd": RKD,
    "sp": SP,
    "vid": VID,
    "bss": BSS,
    "crd": CRD,
    "dml": DML,
    "one": ONE,
    "simkd": SimKD,
}

__all__ = [
    "ABKD",
    "AT",
    "AdaMargin",
    "BSS",
    "CC",
    "CRD",
    "CTKD",
    "DIS",
    "DIST",
    "DKD",
    "DML",
    "DoubleDistillation",
    "EAKD",
    "FCFD",
    "FSP",
    "FitNet",
    "GKD",
    "HardLabels",
    "JensenShannon",
    "KCD",
    "KD",
    "LabelSmoothing",
    "METHODS",
    "MGD",
    "MKL",
    "MSELogits",
    "Method",
    "NKD",
    "NST",
    "NormKD",
    "ONE",
    "PKT",
    "RKD",
    "RLD",
    "ReverseKL",
    "ReviewKD",
    "SP",
    "SimKD",
    "SkewKL",
    "Subclass",
    "SubclassTeacher",
    "TTM",
    "VID",
    "WTTM",
]
