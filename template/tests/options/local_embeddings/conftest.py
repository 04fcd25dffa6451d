"""Models of a few numbers, which the real runtime and the real tokenizer load."""

from __future__ import annotations

import json
from itertools import chain
from typing import TYPE_CHECKING, Protocol

import onnx
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from tokenizers.processors import TemplateProcessing

if TYPE_CHECKING:
    from pathlib import Path

_WORDS = {
    "[PAD]": (9, 9, 9),  # if it counted, it would be seen
    "[UNK]": (0, 0, 1),
    "[CLS]": (0, 1, 0),
    "car": (1, 0, 0),
    "automobile": (1, 0, 0),
    "tree": (0, 1, 0),
    "oak": (0, 1, 0),
}
_POSITIONS = 16

# It looks the vector of each token up, and adds one for its position, of which there are a few.
_MODEL = """
<ir_version: 10, opset_import: ["": 20]>
tiny (int64[n, t] {inputs}) => (float[n, t, 3] token_vectors{output})
<float[{words}, 3] vectors = {{{numbers}}}, float[{positions}, 3] places = {{{zeros}}}>
{{
    found = Gather (vectors, input_ids)
    shape = Shape <start = 1, end = 2> (input_ids)
    length = Squeeze (shape)
    zero = Constant <value_int = 0> ()
    one = Constant <value_int = 1> ()
    at = Range (zero, length, one)
    own = Gather (places, at)
    token_vectors = Add (found, own)
    axis = Constant <value_ints = [1]> ()
    sentence_embedding = ReduceMax <keepdims = 0> (token_vectors, axis)
}}
"""


class MakeModel(Protocol):
    """Makes a folder with a model in the folder `models`."""

    def __call__(
        self,
        name: str = "tiny",
        *,
        weights: str = "model.onnx",
        inputs: str = "input_ids, int64[n, t] attention_mask",
        output: str = "",
        pooling: object = None,
    ) -> Path:
        """Return the model's folder."""
        ...


@pytest.fixture
def make_model(tmp_path: Path) -> MakeModel:
    """Return a maker of models below `models` in the test's own folder."""

    def make(
        name: str = "tiny",
        *,
        weights: str = "model.onnx",
        inputs: str = "input_ids, int64[n, t] attention_mask",
        output: str = "",
        pooling: object = None,
    ) -> Path:
        folder = tmp_path / "models" / name
        (folder / weights).parent.mkdir(parents=True)
        text = _MODEL.format(
            inputs=inputs,
            output=output,
            words=len(_WORDS),
            numbers=", ".join(map(str, chain(*_WORDS.values()))),
            positions=_POSITIONS,
            zeros=", ".join("0" * 3 * _POSITIONS),
        )
        onnx.save(onnx.parser.parse_model(text), folder / weights)
        _tokenizer().save(str(folder / "tokenizer.json"))
        if pooling is not None:
            (folder / "1_Pooling").mkdir()
            (folder / "1_Pooling/config.json").write_text(json.dumps(pooling), encoding="utf-8")
        return folder

    return make


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(WordLevel({word: at for at, word in enumerate(_WORDS)}, "[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", [*_WORDS].index("[CLS]"))]
    )
    # As exports often have it: neither may apply.
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding(length=8)
    return tokenizer
