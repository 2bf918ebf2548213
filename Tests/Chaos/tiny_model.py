"""A BERT directory with pseudo-random weights, small enough that a daemon spends its time on the queue.

It is what Tests/TestSupport/TinyModel.swift writes, with other numbers: mean pooling, normalised, 32 wide, two layers.
It is not a model of anything. Its labels mean nothing; that they are always the same for one text is what counts.
"""

import json
import math
import pathlib
import random
import struct

HIDDEN, LAYERS, HEADS, INTERMEDIATE, POSITIONS = 32, 2, 4, 64, 64

WORDS = """
the a an and or but of to in on at for with from by is are was were be been it this that they we you he she not
no yes very good bad great poor terrible excellent love hate happy angry broken works fast slow late early
delivery parcel invoice refund payment account password login order price service support product phone laptop
screen battery cable printer shop store bank city london paris berlin york maria anna john smith peter company
yesterday today tomorrow monday week month year first second new old my your our their ##s ##ed ##ing ##er ##ly
""".split()


def vocabulary():
    """Special tokens, single characters and their continuations, punctuation, words: any lower-case ASCII has pieces."""
    characters = list("abcdefghijklmnopqrstuvwxyz0123456789")
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + ["##" + c for c in characters]
    pieces += list(".,:;!?'\"()-/@#$%&*+=<>[]_") + WORDS
    return list(dict.fromkeys(pieces))


def tensors(words, seed):
    """Name, shape and values of every tensor, in a fixed order."""
    numbers = random.Random(seed)

    def tensor(name, shape, spread, center=0.0):
        count = math.prod(shape)
        return name, shape, [center + numbers.uniform(-spread, spread) for _ in range(count)]

    def norm(name):
        yield tensor(name + ".weight", [HIDDEN], 0.3, 1.0)
        yield tensor(name + ".bias", [HIDDEN], 0.2)

    def linear(name, columns, rows):
        yield tensor(name + ".weight", [rows, columns], 2 / math.sqrt(columns))
        yield tensor(name + ".bias", [rows], 0.2)

    yield tensor("embeddings.word_embeddings.weight", [words, HIDDEN], 1.0)
    yield tensor("embeddings.position_embeddings.weight", [POSITIONS, HIDDEN], 0.3)
    yield tensor("embeddings.token_type_embeddings.weight", [2, HIDDEN], 0.3)
    yield from norm("embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("query", "key", "value"):
            yield from linear(f"{name}.attention.self.{part}", HIDDEN, HIDDEN)
        yield from linear(f"{name}.attention.output.dense", HIDDEN, HIDDEN)
        yield from norm(f"{name}.attention.output.LayerNorm")
        yield from linear(f"{name}.intermediate.dense", HIDDEN, INTERMEDIATE)
        yield from linear(f"{name}.output.dense", INTERMEDIATE, HIDDEN)
        yield from norm(f"{name}.output.LayerNorm")
    yield from linear("pooler.dense", HIDDEN, HIDDEN)


def safetensors(named):
    """The format: 8 bytes of length, a JSON header, the data."""
    header, data = {"__metadata__": {"format": "pt"}}, bytearray()
    for name, shape, values in named:
        start = len(data)
        data += struct.pack(f"<{len(values)}f", *values)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [start, len(data)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + bytes(data)


def write(directory, seed=7):
    """Writes the directory that `glossator model import` takes."""
    directory = pathlib.Path(directory)
    (directory / "1_Pooling").mkdir(parents=True, exist_ok=True)
    words = vocabulary()

    def put(name, value):
        text = value if isinstance(value, str) else json.dumps(value)
        (directory / name).write_text(text, encoding="utf-8")

    put("config.json", {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": HIDDEN,
        "num_hidden_layers": LAYERS, "num_attention_heads": HEADS, "intermediate_size": INTERMEDIATE,
        "max_position_embeddings": POSITIONS, "vocab_size": len(words), "type_vocab_size": 2,
        "layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute"})
    put("vocab.txt", "\n".join(words) + "\n")
    put("tokenizer_config.json", {"do_lower_case": True, "strip_accents": None, "tokenize_chinese_chars": True})
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    put("modules.json", [
        {"idx": n, "name": str(n), "path": path, "type": "sentence_transformers.models." + kind}
        for n, (path, kind) in enumerate(modules)])
    put("1_Pooling/config.json", {
        "word_embedding_dimension": HIDDEN, "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": False})
    (directory / "model.safetensors").write_bytes(safetensors(tensors(len(words), seed)))
