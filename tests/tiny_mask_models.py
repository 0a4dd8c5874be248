"""Mask models of every family with a few thousand random weights, saved as a real model directory is.

Some of their masks pass the usual thresholds: the IoU head is made sure of itself, and mask logits are large.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from splatseg.models.transformers_library import import_transformers

FAMILIES = ("sam", "sam_hq", "sam2", "edgetam", "sam3_tracker")
SIDE = 64


def save_tiny_model(family: str, folder: Path, seed: int = 0) -> Path:
    """Build, save with its processor, and return the folder."""
    torch.manual_seed(seed)
    model = _BUILDERS[family]()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("iou_prediction_head.proj_out.bias"):
                parameter.fill_(0.92 if family in ("sam", "sam_hq") else 2.5)  # the later families take its sigmoid
            elif name.endswith("iou_prediction_head.proj_out.weight"):
                parameter.mul_(100.0)
            elif "hypernetworks" in name and name.endswith("proj_out.weight"):
                parameter.mul_(200_000.0)
            elif "mask_decoder" in name and name.endswith("weight"):
                parameter.mul_(2.0)
    model.save_pretrained(folder)
    _processor(family).save_pretrained(folder)
    return folder


def _sam() -> Any:
    library = import_transformers()
    return library.SamModel(
        library.SamConfig(
            vision_config=_vit(),
            prompt_encoder_config={"hidden_size": 16, "image_size": SIDE, "mask_input_channels": 4},
            mask_decoder_config=_decoder(),
        )
    )


def _sam_hq() -> Any:
    library = import_transformers()
    return library.SamHQModel(
        library.SamHQConfig(
            vision_config=_vit(),
            prompt_encoder_config={"hidden_size": 16, "image_size": SIDE, "mask_input_channels": 4},
            mask_decoder_config=_decoder() | {"vit_dim": 16},
        )
    )


def _sam2() -> Any:
    library = import_transformers()
    vision = {
        "backbone_config": {
            "model_type": "sam2_hiera_det_model",
            "hidden_size": 8,
            "image_size": [SIDE, SIDE],
            "blocks_per_stage": [1, 1, 2, 1],
            "embed_dim_per_stage": [8, 16, 32, 64],
            "num_attention_heads_per_stage": [1, 1, 1, 1],
            "window_size_per_stage": [8, 8, 8, 4],
            "global_attention_blocks": [3],
        },
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 32,
    }
    return library.Sam2Model(library.Sam2Config(vision_config=vision, **_prompts(16)))


def _sam2_video() -> Any:
    """As the SAM 2.1 checkpoints are: with the memory of the video model, which masks of images do not need."""
    library = import_transformers()
    memory = {
        "memory_attention_hidden_size": 32,
        "memory_attention_feed_forward_hidden_size": 32,
        "memory_attention_num_layers": 1,
        "memory_attention_rope_feat_sizes": [4, 4],
        "memory_encoder_hidden_size": 32,
        "memory_encoder_output_channels": 16,
        "memory_fuser_embed_dim": 32,
        "memory_fuser_intermediate_dim": 32,
        "mask_downsampler_embed_dim": 32,
    }
    vision = _sam2().config.vision_config
    config = library.Sam2VideoConfig(vision_config=vision, image_size=SIDE, **_prompts(16), **memory)
    return library.Sam2VideoModel(config)


def _edgetam() -> Any:
    library = import_transformers()
    backbone = library.TimmWrapperConfig(
        architecture="repvit_m1",
        model_args={
            "in_chans": 3,
            "features_only": True,
            "out_indices": [0, 1, 2, 3],
            "embed_dim": [8, 16, 32, 64],
            "depth": [1, 1, 1, 1],
        },
    )
    vision = {
        "backbone_config": backbone,
        "backbone_channel_list": [64, 32, 16, 8],
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "fpn_hidden_size": 32,
    }
    return library.EdgeTamModel(
        library.EdgeTamConfig(vision_config=library.EdgeTamVisionConfig(**vision), **_prompts(16))
    )


def _sam3_tracker() -> Any:
    library = import_transformers()
    vision = {
        "model_type": "sam3_vision_model",
        "backbone_config": {
            "model_type": "sam3_vit_model",
            "hidden_size": 16,
            "intermediate_size": 32,
            "num_hidden_layers": 1,
            "num_attention_heads": 1,
            "image_size": SIDE,
            "patch_size": 16,
            "window_size": 2,
            "global_attn_indexes": [0],
            "pretrain_image_size": 32,
        },
        "fpn_hidden_size": 32,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
    }
    return library.Sam3TrackerModel(library.Sam3TrackerConfig(vision_config=vision, **_prompts(16)))


def _vit() -> dict[str, Any]:
    return {
        "hidden_size": 16,
        "output_channels": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "image_size": SIDE,
        "patch_size": 16,
        "window_size": 2,
        "global_attn_indexes": [1],
        "num_pos_feats": 8,
        "mlp_dim": 32,
        "initializer_range": 0.2,
    }


def _decoder() -> dict[str, Any]:
    return {
        "hidden_size": 16,
        "mlp_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "iou_head_hidden_dim": 16,
    }


def _prompts(patch_size: int) -> dict[str, Any]:
    prompts = {"hidden_size": 32, "image_size": SIDE, "patch_size": patch_size, "mask_input_channels": 4}
    decoder = _decoder() | {"hidden_size": 32, "iou_head_hidden_dim": 32}
    return {"prompt_encoder_config": prompts, "mask_decoder_config": decoder}


def _processor(family: str) -> Any:
    library = import_transformers()
    if family in ("sam", "sam_hq"):
        images = library.SamImageProcessor(
            size={"longest_edge": SIDE}, pad_size={"height": SIDE, "width": SIDE}, mask_size={"longest_edge": 16}
        )
        return (library.SamProcessor if family == "sam" else library.SamHQProcessor)(images)
    square = {"height": SIDE, "width": SIDE}
    if family == "sam3_tracker":
        return library.Sam3TrackerProcessor(library.Sam3ImageProcessor(size=square))
    images = library.Sam2ImageProcessor(size=square)
    if family == "sam2_video":
        return library.Sam2VideoProcessor(images, library.Sam2VideoVideoProcessor(size=square))
    return library.Sam2Processor(images)


_BUILDERS = {
    "sam": _sam,
    "sam_hq": _sam_hq,
    "sam2": _sam2,
    "sam2_video": _sam2_video,
    "edgetam": _edgetam,
    "sam3_tracker": _sam3_tracker,
}
