"""The data sets that are listed, and how names of TensorFlow Datasets look."""

import re

DATASETS = {
    "digits": "1,797 handwritten digits, 8x8x1, embedded: no download",
    "known_probabilities": "2,400 drawn images, 8x8x1, 12 classes in 4 groups, their true probabilities known",
    "known_probabilities/unrelated": "the same of 12 classes in no groups: none is more like one than another",
    "beans": "1,034 training photos of bean leaves, 500x500x3, 3 classes",
    "cars196": "8,144 training photos of cars, 196 models; needs image_size",
    "cats_vs_dogs": "23,262 photos of cats and dogs, no test split; needs image_size",
    "cifar10": "50,000 training images, 32x32x3, 10 classes",
    "cifar100": "50,000 training images, 32x32x3, 100 classes",
    "dtd": "1,880 training photos of textures, 47 classes; needs image_size",
    "emnist": "handwritten letters and digits, 28x28x1; a config such as emnist/balanced",
    "eurosat": "27,000 satellite images, no test split, 10 classes; eurosat/rgb is 64x64x3",
    "fashion_mnist": "60,000 training images of clothes, 28x28x1, 10 classes",
    "food101": "75,750 training photos of dishes, 101 classes; needs image_size",
    "imagenet2012": "1,281,167 training photos, 1,000 classes; a manual download; needs image_size",
    "imagenet_resized": "ImageNet made small; a config such as imagenet_resized/32x32",
    "imagenette": "9,469 training photos, 10 ImageNet classes; a config such as imagenette/160px-v2; needs image_size",
    "imagewang": "14,669 training photos, 20 ImageNet classes; a config such as imagewang/160px; needs image_size",
    "kmnist": "60,000 training images of Japanese characters, 28x28x1, 10 classes",
    "mnist": "60,000 training images of digits, 28x28x1, 10 classes",
    "oxford_flowers102": "1,020 training photos of flowers, 102 classes; needs image_size",
    "oxford_iiit_pet": "3,680 training photos of cats and dogs, 37 breeds; needs image_size",
    "patch_camelyon": "262,144 training images of tissue, 96x96x3, 2 classes",
    "resisc45": "31,500 satellite images, 256x256x3, no test split, 45 classes",
    "rock_paper_scissors": "2,520 training images of hands, 300x300x3, 3 classes",
    "stanford_dogs": "12,000 training photos of dogs, 120 breeds; needs image_size",
    "stl10": "5,000 training images, 96x96x3, 10 classes",
    "sun397": "scenes, 397 classes; a config such as sun397/tfds; needs image_size",
    "svhn_cropped": "73,257 training images of house numbers, 32x32x3, 10 classes",
    "tf_flowers": "3,670 photos of flowers, no test split, 5 classes; needs image_size",
    "uc_merced": "2,100 aerial images, no test split, 21 classes; needs image_size",
}

TFDS = re.compile(r"(?P<name>\w+)(/(?P<config>[\w.\-]+))?(:(?P<version>[\d.*]+))?")


def is_known_set(name):
    """Whether a name is of TensorFlow Datasets by its text: it is listed, or carries a version.

    Example:
        >>> is_known_set("cifar100"), is_known_set("cmaterdb/bangla:1.0.0"), is_known_set("photos/pets")
        (True, True, False)
    """
    match = TFDS.fullmatch(name)
    return bool(match and (match["version"] or match["name"] in DATASETS))


def tfds_set(name):
    """The set's own name, without config and version, of a name that `is_known_set`; else None.

    Example:
        >>> tfds_set("cifar100:3.0.2"), tfds_set("eurosat/rgb"), tfds_set("photos/pets")
        ('cifar100', 'eurosat', None)
    """
    return TFDS.fullmatch(name)["name"] if is_known_set(name) else None
