"""Each image backbone of keras-hub as a student: 20 steps of distillation, saved, loaded, exported in every format.

    pip install -e '.[onnx]' keras-hub
    python benchmarks/hub_backbones.py [NAME ...] [--simulate] [--table]

As `benchmarks/families.py`, whose work it does with small networks of the classes `keras_hub.models.*ImageClassifier`,
from random weights, named by `student: {model: 'hub_backbones:student'}`; results/hub_backbones.json.
"""

import sys
from pathlib import Path

import keras_hub

HERE = Path(__file__).parent
# Of each class the settings of a small backbone.
BACKBONES = {
    "ResNet": {
        "input_conv_filters": [64], "input_conv_kernel_sizes": [3], "stackwise_num_filters": [64, 64],
        "stackwise_num_blocks": [1, 1], "stackwise_num_strides": [1, 2], "block_type": "basic_block",
    },
    "VGG": {"stackwise_num_repeats": [1, 1, 1], "stackwise_num_filters": [16, 32, 32]},
    "DenseNet": {"stackwise_num_repeats": [2, 2], "growth_rate": 8},
    "CSPNet": {
        "stem_filters": 16, "stem_kernel_size": 3, "stem_strides": 1, "stackwise_depth": [1, 1],
        "stackwise_strides": [1, 2], "stackwise_num_filters": [16, 32], "block_type": "dark_block",
        "stage_type": "dark",
    },
    "EfficientNet": {
        "stackwise_width_coefficients": [1.0] * 3, "stackwise_depth_coefficients": [1.0] * 3,
        "stackwise_kernel_sizes": [3, 3, 5], "stackwise_num_repeats": [1, 1, 1],
        "stackwise_input_filters": [16, 16, 24], "stackwise_output_filters": [16, 24, 32],
        "stackwise_expansion_ratios": [1, 4, 4], "stackwise_squeeze_and_excite_ratios": [0.0, 0.25, 0.25],
        "stackwise_strides": [1, 2, 2], "stackwise_block_types": ["fused", "unfused", "unfused"],
        "stackwise_force_input_filters": [0, 0, 0], "stackwise_nores_option": [False] * 3,
    },
    "MobileNet": {
        "stackwise_expansion": [[40, 56], [64, 72]], "stackwise_num_blocks": [2, 2],
        "stackwise_num_filters": [[16, 16], [24, 24]], "stackwise_kernel_size": [[3, 3], [5, 5]],
        "stackwise_num_strides": [[2, 1], [2, 1]], "stackwise_se_ratio": [[None, None], [0.25, 0.25]],
        "stackwise_activation": [["relu", "relu"], ["hard_swish", "hard_swish"]],
        "stackwise_padding": [[1, 1], [2, 2]], "output_num_filters": 64, "input_num_filters": 16,
        "depthwise_filters": 8, "depthwise_stride": 2, "depthwise_residual": False, "last_layer_filter": 64,
        "squeeze_and_excite": 0.5,
    },
    "Xception": {"stackwise_conv_filters": [[16, 16], [32, 32]], "stackwise_pooling": [True, False]},
    "HGNetV2": {
        "depths": [1, 1], "embedding_size": 16, "hidden_sizes": [32, 64], "stem_channels": [3, 8, 16],
        "hidden_act": "relu", "use_learnable_affine_block": False,
        "stackwise_stage_filters": [(16, 16, 32, 1, 1, 3), (32, 16, 64, 1, 1, 3)],
        "apply_downsample": [False, True], "use_lightweight_conv_block": [False, False],
    },
    "ViT": {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "mlp_dim": 64},
    "DeiT": {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 32, "intermediate_dim": 64},
    "SwinTransformer": {"embed_dim": 16, "depths": (1, 1), "num_heads": (2, 2), "window_size": 4, "drop_path": 0.0},
    "MiT": {
        "layerwise_depths": [1, 1], "num_layers": 2, "layerwise_num_heads": [1, 2], "layerwise_sr_ratios": [4, 2],
        "max_drop_path_rate": 0.0, "layerwise_patch_sizes": [7, 3], "layerwise_strides": [4, 2],
        "hidden_dims": [16, 32],
    },
}  # fmt: skip


def student(image_shape, classes, name):
    """An image classifier of keras-hub, whose normalisations forget what was before the last batch."""
    from keras_kd.backend.keras_private import flat_layers

    shape = {"input_shape" if name == "EfficientNet" else "image_shape": image_shape}
    backbone = getattr(keras_hub.models, f"{name}Backbone")(**BACKBONES[name], **shape)
    settings = {"VGG": {"pooling_hidden_dim": 64}, "HGNetV2": {"preprocessor": None}}.get(name, {})
    model = getattr(keras_hub.models, f"{name}ImageClassifier")(backbone=backbone, num_classes=classes, **settings)
    for layer in flat_layers(model):
        if type(layer).__name__ == "BatchNormalization":
            layer.momentum = 0.0
    return model


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    import families

    families.FAMILIES, families.MODEL = tuple(BACKBONES), "hub_backbones:student"
    families.RESULT = HERE / "results" / "hub_backbones.json"
    families.RUNS = HERE.parent / "saved_models" / "hub_backbones"
    families.main("hub_backbones")
