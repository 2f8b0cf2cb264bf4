"""Writes the trained model of tests/vllm/model as a GGUF file for a llama.cpp server, without any download.

The names of keys and tensors are those of llama.cpp (gguf's constants). llama.cpp rotates neighbouring elements where
transformers rotates the two halves of a head, so the rows of the query and key projections are reordered, as in
llama.cpp's convert_hf_to_gguf.py (``LlamaModel.permute``).

Run with the environment that scripts/setup_servers.sh makes::

    .venv-servers/bin/python tests/servers/make_gguf.py tests/vllm/model OUT.gguf
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import gguf
import numpy as np
from safetensors.numpy import load_file

TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def tensor_name(name: str) -> str:
    """Return llama.cpp's name of a tensor."""
    words = name.removesuffix(".weight").split(".")
    if words[1] == "embed_tokens":
        return "token_embd.weight"
    if words[1] == "norm":
        return "output_norm.weight"
    return f"blk.{words[2]}.{TENSORS['.'.join(words[3:])]}.weight"


def reorder_heads(weights: np.ndarray, heads: int) -> np.ndarray:
    """Return the rows of a projection in llama.cpp's order of rotated elements."""
    rows, columns = weights.shape
    halves = weights.reshape(heads, 2, rows // heads // 2, columns)
    return np.ascontiguousarray(halves.swapaxes(1, 2).reshape(rows, columns))


def main() -> None:
    """Convert."""
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    config = json.loads((folder / "config.json").read_text())
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    writer = gguf.GGUFWriter(out, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(config["num_attention_heads"])
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_dimension_count(config["head_dim"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_vocab_size(config["vocab_size"])

    vocabulary = tokenizer["model"]["vocab"]
    special = {token["content"] for token in tokenizer["added_tokens"] if token["special"]}
    tokens = sorted(vocabulary, key=vocabulary.get)
    kinds = [gguf.TokenType.CONTROL if token in special else gguf.TokenType.NORMAL for token in tokens]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    # The tokenizer merges nothing. llama.cpp wants the key, and a merge into a token that does not exist is none.
    writer.add_token_merges(["\u0100 \u0100"])
    writer.add_bos_token_id(config["bos_token_id"])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_pad_token_id(config["pad_token_id"])
    # The chat template writes the start token itself.
    writer.add_add_bos_token(value=False)
    writer.add_chat_template((folder / "chat_template.jinja").read_text())

    for name, stored in load_file(folder / "model.safetensors").items():
        weights = stored.astype(np.float32)
        if name.endswith(("q_proj.weight", "k_proj.weight")):
            writer.add_tensor(tensor_name(name), reorder_heads(weights, config["num_attention_heads"]))
        else:
            writer.add_tensor(tensor_name(name), weights)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
