"""The networks of the zoo, each written once over a vocabulary of operations: numeric.Numeric trains it, graph.Graph
writes it to ONNX, so that what is exported is what was trained."""

from dataclasses import dataclass
from typing import Callable

DIGITS = "digit-classification/uci-digits"
LANGUAGES = "language-identification/cldr-names"


@dataclass(frozen=True)
class Architecture:
    """One network and how it is trained. `build(ops, x, task)` returns the logits `[N, classes]`."""

    name: str
    task: str
    description: str
    build: Callable
    epochs: int
    learning_rate: float
    batch: int = 50
    augment: bool = False
    weight_decay: float = 1e-4
    label_smoothing: float = 0.0


def linear(ops, x, task):
    x = ops.flatten(ops.scale(ops.picture(x), 1 / 16))
    return ops.dense("out", x, task.classes, gain=1.0)


def mlp(*sizes, dropout=0.0):
    def build(ops, x, task):
        x = ops.flatten(ops.scale(ops.picture(x), 1 / 16))
        for i, size in enumerate(sizes):
            x = ops.relu(ops.dense(f"hidden{i}", x, size))
            if dropout:
                x = ops.dropout(x, dropout)
        return ops.dense("out", x, task.classes, gain=1.0)

    return build


def cnn(first, second):
    def build(ops, x, task):
        x = ops.scale(ops.picture(x), 1 / 16)
        x = ops.relu(ops.conv("conv0", x, first))
        x = ops.max_pool(ops.relu(ops.conv("conv1", x, second)))
        x = ops.dropout(ops.flatten(x), 0.25)
        return ops.dense("out", x, task.classes, gain=1.0)

    return build


def residual_cnn(channels, blocks):
    """Full 8x8 resolution throughout: every block is two 3x3 convolutions around a shortcut."""

    def build(ops, x, task):
        x = ops.scale(ops.picture(x), 1 / 16)
        x = ops.relu(ops.conv("stem", x, channels))
        for i in range(blocks):
            inner = ops.relu(ops.conv(f"block{i}.conv0", x, channels))
            x = ops.relu(ops.add(x, ops.conv(f"block{i}.conv1", inner, channels, gain=0.1)))
        x = ops.dropout(ops.flatten(ops.max_pool(x)), 0.5)
        return ops.dense("out", x, task.classes, gain=1.0)

    return build


def attention(ops, name, x, size, heads, tokens, present):
    """Multi-head self-attention over `[N, tokens, size]`; absent tokens are attended by nobody."""
    part = size // heads

    def split(role, axes):
        whole = ops.dense(f"{name}.{role}", x, size, gain=1.0)
        return ops.transpose(ops.reshape(whole, (tokens, heads, part)), axes)

    q, k, v = split("query", (0, 2, 1, 3)), split("key", (0, 2, 3, 1)), split("value", (0, 2, 1, 3))
    scores = ops.scale(ops.matmul(q, k), part**-0.5)
    if present is not None:
        scores = ops.hide_absent(scores, present)
    mixed = ops.transpose(ops.matmul(ops.softmax(scores), v), (0, 2, 1, 3))
    return ops.dense(f"{name}.out", ops.reshape(mixed, (tokens, size)), size, gain=0.5)


def encoder(ops, x, size, heads, layers, tokens, present=None, dropout=0.1):
    """Pre-norm transformer layers with a ReLU feed-forward of four times the width."""
    for i in range(layers):
        seen = attention(ops, f"layer{i}.attention", ops.layer_norm(f"layer{i}.norm0", x), size, heads, tokens, present)
        x = ops.add(x, ops.dropout(seen, dropout))
        wide = ops.relu(ops.dense(f"layer{i}.wide", ops.layer_norm(f"layer{i}.norm1", x), 4 * size))
        x = ops.add(x, ops.dropout(ops.dense(f"layer{i}.narrow", wide, size, gain=0.5), dropout))
    return ops.layer_norm("norm", x)


def vit(size, heads, layers):
    """Convolutions see the strokes, then one token stands for each 2x2 pixels; all tokens together are classified."""

    def build(ops, x, task):
        x = ops.scale(ops.picture(x), 1 / 16)
        x = ops.relu(ops.conv("stem0", x, size // 2))
        x = ops.relu(ops.conv("stem1", x, size // 2))
        x = ops.tokens(ops.conv("patch", x, size, kernel=2, stride=2, pad=0, gain=1.0))
        x = encoder(ops, ops.positions("position", x), size, heads, layers, 16)
        x = ops.dropout(ops.reshape(x, (16 * size,)), 0.5)
        return ops.dense("out", x, task.classes, gain=1.0)

    return build


def bag_of_pairs(size):
    """The mean of the embeddings of all pairs of neighbouring characters, then one layer."""

    def build(ops, ids, task):
        x = ops.embedding("pair", ops.pairs(ids, task.vocabulary), task.vocabulary**2, size)
        x = ops.masked_mean(x, ops.drop_last(ops.present(ids)))
        return ops.dense("out", ops.dropout(x, 0.2), task.classes, gain=1.0)

    return build


def text_transformer(size, heads, layers, window):
    """A convolution over neighbouring characters gives each token its surroundings, attention mixes the whole name."""

    def build(ops, ids, task):
        present = ops.present(ids)
        x = ops.dropout(ops.embedding("character", ids, task.vocabulary, size), 0.1)
        x = ops.add(x, ops.relu(ops.conv_text("window", x, size, window)))
        x = encoder(ops, ops.positions("position", x), size, heads, layers, task.length, present, dropout=0.2)
        return ops.dense("out", ops.dropout(ops.masked_mean(x, present), 0.2), task.classes, gain=1.0)

    return build


ARCHITECTURES = [
    Architecture("digits-logreg", DIGITS, "logistic regression on 64 pixels", linear, 60, 1e-2),
    Architecture("digits-mlp-s", DIGITS, "one hidden layer of 64", mlp(64), 80, 3e-3),
    Architecture("digits-mlp-l", DIGITS, "hidden layers of 512 and 256", mlp(512, 256, dropout=0.3), 80, 1e-3, augment=True),
    Architecture("digits-cnn-s", DIGITS, "two convolutions, 16 and 32 channels", cnn(16, 32), 100, 2e-3, augment=True),
    Architecture(
        "digits-vit",
        DIGITS,
        "transformer with a convolutional stem, 16 tokens of 64, 2 layers",
        vit(64, 4, 2),
        epochs=100,
        learning_rate=1e-3,
        augment=True,
        weight_decay=1e-2,
        label_smoothing=0.05,
    ),
    Architecture(
        "digits-cnn-l",
        DIGITS,
        "residual network of 7 convolutions, 128 channels",
        residual_cnn(128, 3),
        epochs=25,
        learning_rate=1e-3,
        augment=True,
        label_smoothing=0.05,
    ),
    Architecture(
        "langid-pairs",
        LANGUAGES,
        "bag of character pairs",
        bag_of_pairs(16),
        epochs=40,
        learning_rate=5e-3,
        batch=100,
        weight_decay=1e-3,
    ),
    Architecture(
        "langid-transformer",
        LANGUAGES,
        "character transformer with a convolutional stem, 32 tokens of 64, 1 layer",
        text_transformer(64, 4, 1, window=5),
        epochs=18,
        learning_rate=2e-3,
        batch=100,
        weight_decay=1e-2,
    ),
]
