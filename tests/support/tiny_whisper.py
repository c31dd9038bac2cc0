"""A model of Whisper's in the format of CTranslate2, as small as the format allows.

It hears the same in every sound: its decoder minds nothing but the place of a token, and says
`SAID` in the language `HEARD_LANGUAGE`. So it shows that a model is loaded, asked and read rightly,
and not that speech is understood.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from ctranslate2.specs import WhisperSpec
from ctranslate2.specs.model_spec import visit_spec
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from jobs_service.recognition.languages import OF_WHISPER, whisper_code

SAID = ("Good", "day.")
HEARD_LANGUAGE = "ko"
_WIDTH, _HEADS, _MELS, _FRAMES, _CONTEXT = 16, 2, 80, 1500, 448
_TEXT_TOKENS = 50_257
_TIMES = 1501
_LANGUAGES = ["en", *sorted({whisper_code(tag) for tag in OF_WHISPER} - {"en"})]
_SPECIAL = (
    "<|endoftext|>",
    "<|startoftranscript|>",
    *(f"<|{code}|>" for code in _LANGUAGES),
    "<|translate|>",
    "<|transcribe|>",
    "<|startoflm|>",
    "<|startofprev|>",
    "<|nospeech|>",
    "<|notimestamps|>",
    *(f"<|{number * 0.02:.2f}|>" for number in range(_TIMES)),
)


def make_tiny_whisper(directory: Path, *, multilingual: bool = True) -> Path:
    """Write a model in a new directory; the directory.

    One for English alone is told from others by its vocabulary, which has no empty token.
    """
    directory.mkdir()
    text = _text_tokens(_TEXT_TOKENS - 1)
    if multilingual:
        text.append("")
    _write_tokenizer(directory, text)
    tokens = [*text, *_SPECIAL]
    spec = WhisperSpec(1, _HEADS, 1, _HEADS)
    _fill(spec, len(tokens))
    _teach(spec, tokens)
    spec.register_vocabulary(tokens)
    languages = [tokens.index(f"<|{code}|>") for code in _LANGUAGES]
    spec.validate()
    spec.save(str(directory))
    config = {
        "suppress_ids": [],
        "suppress_ids_begin": [tokens.index("<|endoftext|>")],
        "lang_ids": languages,
        "alignment_heads": [[0, 0]],
    }
    (directory / "config.json").write_text(json.dumps(config))
    return directory


def _text_tokens(count: int) -> list[str]:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = [*alphabet, *(f"Ġ{word}" for word in SAID)]
    return [*known, *(f"Ġword{number}" for number in range(count - len(known)))]


def _write_tokenizer(directory: Path, text: list[str]) -> None:
    vocabulary = {token: number for number, token in enumerate(text)}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in _SPECIAL])
    tokenizer.save(str(directory / "tokenizer.json"))


def _fill(spec: WhisperSpec, vocabulary: int) -> None:
    dice = np.random.default_rng(7)
    inner = 2 * _WIDTH
    shapes = {
        "encoder/conv1/weight": (_WIDTH, _MELS, 3),
        "encoder/conv2/weight": (_WIDTH, _WIDTH, 3),
        "encoder/position_encodings/encodings": (_FRAMES, _WIDTH),
        "decoder/position_encodings/encodings": (_CONTEXT, _WIDTH),
        "decoder/embeddings/weight": (vocabulary, _WIDTH),
        "decoder/projection/weight": (vocabulary, _WIDTH),
        "self_attention/linear_0/weight": (3 * _WIDTH, _WIDTH),
        "/attention/linear_1/weight": (2 * _WIDTH, _WIDTH),
        "ffn/linear_0/weight": (inner, _WIDTH),
        "ffn/linear_1/weight": (_WIDTH, inner),
        "weight": (_WIDTH, _WIDTH),
    }

    def fill(part: Any, name: str, value: object) -> None:
        leaf = name.rpartition("/")[2]
        if leaf in ("gamma", "beta"):
            setattr(part, leaf, np.full(_WIDTH, leaf == "gamma", np.float32))
        elif leaf in ("weight", "encodings"):
            shape = next(shape for end, shape in shapes.items() if name.endswith(end))
            setattr(part, leaf, dice.normal(0, 0.02, shape).astype(np.float32))
            if leaf == "weight" and hasattr(part, "bias"):
                part.bias = np.zeros(shape[0], np.float32)

    visit_spec(spec, fill)


def _teach(spec: WhisperSpec, tokens: list[str]) -> None:
    """Let the token of each place follow from the code of the place alone.

    The first is what detects the language; then come the prompt (language and task), and the text
    between its times.
    """
    dice = np.random.default_rng(11)
    codes = np.sign(dice.normal(size=(_CONTEXT, _WIDTH))).astype(np.float32)
    codes -= codes.mean(axis=1, keepdims=True)
    said = [f"<|{HEARD_LANGUAGE}|>", "", "<|0.00|>", *(f"Ġ{word}" for word in SAID), "<|1.00|>"]
    for place, token in enumerate([*said, "<|endoftext|>"]):
        if token:
            spec.decoder.projection.weight[tokens.index(token)] = 3 * codes[place]
    spec.decoder.position_encodings.encodings = 10 * codes
