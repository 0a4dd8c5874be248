"""Models with true classes, processors and files on disk, but random weights and a few hundred numbers each."""

from __future__ import annotations

import copy
import string
from pathlib import Path
from typing import Any

import torch

from splatseg.models.transformers_library import import_transformers

transformers = import_transformers()


def _clip_tokenizer() -> tuple[Any, int]:
    vocabulary: dict[str, int] = {}
    for character in string.printable.strip():
        for token in (character, character + "</w>"):
            vocabulary.setdefault(token, len(vocabulary))
    for special in ("<|startoftext|>", "<|endoftext|>"):
        vocabulary[special] = len(vocabulary)
    return transformers.CLIPTokenizer(vocab=vocabulary, merges=[]), len(vocabulary)


def _gemma_tokenizer() -> tuple[Any, int]:
    vocabulary = {token: number for number, token in enumerate(("<pad>", "<eos>", "<bos>", "<unk>", "<mask>", "▁"))}
    for character in string.printable.strip():
        vocabulary.setdefault(character, len(vocabulary))
    return transformers.GemmaTokenizer(vocab=vocabulary, merges=[]), len(vocabulary)


def _bert_tokenizer() -> tuple[Any, int]:
    special = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", "?")
    letters = (*string.ascii_lowercase, *("##" + letter for letter in string.ascii_lowercase))
    vocabulary: dict[str, int] = {}
    for word in (*special, "a", "photo", "of", "red", "mug", *letters):
        vocabulary.setdefault(word, len(vocabulary))
    return transformers.BertTokenizer(vocab=vocabulary), len(vocabulary)


_TEXT = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
_VISION = {**_TEXT, "image_size": 32, "patch_size": 16}


def _saved(folder: Path, model: Any, processor: Any) -> Path:
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def tiny_clip(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer, count = _clip_tokenizer()
    special = {"bos_token_id": count - 2, "eos_token_id": count - 1, "pad_token_id": count - 1}
    text = {**_TEXT, "vocab_size": count, "max_position_embeddings": 77, "projection_dim": 8, **special}
    config = transformers.CLIPConfig(text_config=text, vision_config={**_VISION, "projection_dim": 8}, projection_dim=8)
    image = transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    processor = transformers.CLIPProcessor(image_processor=image, tokenizer=tokenizer)
    return _saved(folder, transformers.CLIPModel(config), processor)


def tiny_siglip(folder: Path) -> Path:
    """As the SigLIP 2 checkpoints of one resolution are: SigLIP's model with Gemma's tokenizer."""
    torch.manual_seed(0)
    tokenizer, count = _gemma_tokenizer()
    config = transformers.SiglipConfig(
        text_config={**_TEXT, "vocab_size": count, "max_position_embeddings": 64, "projection_size": 16},
        vision_config=_VISION,
    )
    image = transformers.SiglipImageProcessor(size={"height": 32, "width": 32})
    processor = transformers.SiglipProcessor(image_processor=image, tokenizer=tokenizer)
    return _saved(folder, transformers.SiglipModel(config), processor)


def tiny_siglip2(folder: Path) -> Path:
    """With any aspect ratio (NaFlex)."""
    torch.manual_seed(0)
    tokenizer, count = _gemma_tokenizer()
    config = transformers.Siglip2Config(
        text_config={**_TEXT, "vocab_size": count, "max_position_embeddings": 64, "projection_size": 16},
        vision_config={**_TEXT, "patch_size": 16, "num_patches": 16},
    )
    image = transformers.Siglip2ImageProcessor(patch_size=16, max_num_patches=16)
    processor = transformers.Siglip2Processor(image_processor=image, tokenizer=tokenizer)
    return _saved(folder, transformers.Siglip2Model(config), processor)


def tiny_grounding_dino(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer, count = _bert_tokenizer()
    backbone = transformers.SwinConfig(
        embed_dim=8,
        depths=[1, 1, 1, 1],
        num_heads=[1, 1, 1, 1],
        window_size=4,
        image_size=64,
        out_features=["stage2", "stage3", "stage4"],
    )
    text = transformers.BertConfig(**_TEXT, vocab_size=count, max_position_embeddings=256)
    config = transformers.GroundingDinoConfig(
        backbone_config=backbone,
        text_config=text,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_ffn_dim=16,
        decoder_ffn_dim=16,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        num_queries=10,
        num_feature_levels=4,
    )
    image = transformers.GroundingDinoImageProcessor(size={"shortest_edge": 64, "longest_edge": 96})
    processor = transformers.GroundingDinoProcessor(image_processor=image, tokenizer=tokenizer)
    return _saved(folder, transformers.GroundingDinoForObjectDetection(config), processor)


def tiny_owlv2(folder: Path) -> Path:
    torch.manual_seed(0)
    tokenizer, count = _clip_tokenizer()
    special = {"bos_token_id": count - 2, "eos_token_id": count - 1, "pad_token_id": count - 1}
    config = transformers.Owlv2Config(
        text_config={**_TEXT, "vocab_size": count, "max_position_embeddings": 16, **special},
        vision_config=_VISION,
        projection_dim=16,
    )
    image = transformers.Owlv2ImageProcessor(size={"height": 32, "width": 32})
    processor = transformers.Owlv2Processor(image_processor=image, tokenizer=tokenizer)
    model = transformers.Owlv2ForObjectDetection(config)
    with torch.no_grad():
        # Random weights as they are put every box at the edge of the image, where it has no pixels.
        model.box_head.dense2.weight.mul_(0.01)
    return _saved(folder, model, processor)


def tiny_sam(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.SamConfig(
        vision_config={
            "hidden_size": 16,
            "output_channels": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "image_size": 64,
            "patch_size": 16,
            "window_size": 2,
            "global_attn_indexes": [0],
            "mlp_dim": 16,
        },
        prompt_encoder_config={"hidden_size": 16, "image_size": 64, "patch_size": 16, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 16,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "iou_head_depth": 2,
            "iou_head_hidden_dim": 16,
        },
    )
    image = transformers.SamImageProcessor(
        size={"longest_edge": 64},
        pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 16},
        mask_pad_size={"height": 16, "width": 16},
    )
    return _saved(folder, transformers.SamModel(config), transformers.SamProcessor(image_processor=image))


def tiny_sam3(folder: Path) -> Path:
    config, processor = _sam3()
    return _saved(folder, transformers.Sam3Model(config), processor)


def tiny_sam3_video(folder: Path) -> Path:
    """As the SAM 3 checkpoints are: the image model is the detector of the video model."""
    config, images = _sam3()
    tracker = transformers.Sam3TrackerVideoConfig(
        vision_config=copy.deepcopy(config.vision_config),  # it would set its own image size in it
        prompt_encoder_config={"hidden_size": 16, "image_size": 112, "patch_size": 14, "mask_input_channels": 4},
        mask_decoder_config={
            "hidden_size": 16,
            "mlp_dim": 16,
            "num_attention_heads": 2,
            "iou_head_hidden_dim": 16,
        },
        memory_attention_hidden_size=16,
        memory_attention_num_layers=1,
        memory_attention_feed_forward_hidden_size=16,
        memory_attention_rope_feat_sizes=[8, 8],
        memory_encoder_hidden_size=16,
        memory_encoder_output_channels=8,
        mask_downsampler_embed_dim=16,
        memory_fuser_num_layers=1,
        memory_fuser_embed_dim=16,
        memory_fuser_intermediate_dim=16,
    )
    whole = transformers.Sam3VideoConfig(detector_config=config, tracker_config=tracker)
    processor = transformers.Sam3VideoProcessor(
        image_processor=images.image_processor,
        video_processor=transformers.Sam2VideoVideoProcessor(size={"height": 112, "width": 112}),
        tokenizer=images.tokenizer,
    )
    return _saved(folder, transformers.Sam3VideoModel(whole), processor)


def _sam3() -> tuple[Any, Any]:
    torch.manual_seed(0)
    tokenizer, count = _clip_tokenizer()
    special = {"bos_token_id": count - 2, "eos_token_id": count - 1, "pad_token_id": count - 1}
    small = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 16}
    config = transformers.Sam3Config(
        vision_config={
            "backbone_config": {
                "model_type": "sam3_vit_model",
                **small,
                "num_hidden_layers": 1,
                "image_size": 112,
                "pretrain_image_size": 56,
                "window_size": 4,
                "global_attn_indexes": [0],
            },
            "fpn_hidden_size": 16,
        },
        text_config={
            **_TEXT,
            "vocab_size": count,
            "projection_dim": 16,
            "max_position_embeddings": 32,
            **special,
        },
        geometry_encoder_config={**small, "num_layers": 1},
        detr_encoder_config={**small, "num_layers": 1},
        detr_decoder_config={**small, "num_layers": 1, "num_queries": 8},
        mask_decoder_config={"hidden_size": 16, "num_attention_heads": 2},
    )
    image = transformers.Sam3ImageProcessor(size={"height": 112, "width": 112}, mask_size={"height": 32, "width": 32})
    return config, transformers.Sam3Processor(image_processor=image, tokenizer=tokenizer)
