"""The arithmetic of the networks on JAX, for training: the same vocabulary of operations as graph.Graph.

Pictures are kept channels-last here, because a convolution is then one matrix product of the nine shifted pictures laid
side by side, which is by far the fastest form on a CPU; `flatten` restores ONNX's channels-first order.
"""

import jax
import jax.numpy as jnp


class Numeric:
    """Computes values. `params` is filled with fresh weights by the first pass, which must be given `init_rng`."""

    def __init__(self, params, init_rng=None, dropout_key=None):
        self.params = params
        self.init_rng = init_rng
        self.dropout_key = dropout_key

    def weight(self, name, shape, std):
        if self.init_rng is not None:
            self.params[name] = jnp.asarray(self.init_rng.normal(0.0, 1.0, shape) * std, jnp.float32)
        return self.params[name]

    def bias(self, name, size, value=0.0):
        if self.init_rng is not None:
            self.params[name] = jnp.full((size,), value, jnp.float32)
        return self.params[name]

    def picture(self, x):
        return x.transpose(0, 2, 3, 1)

    def scale(self, x, factor):
        return x * factor

    def add(self, a, b):
        return a + b

    def relu(self, x):
        return jax.nn.relu(x)

    def softmax(self, x):
        return jax.nn.softmax(x, axis=-1)

    def matmul(self, a, b):
        return a @ b

    def reshape(self, x, shape):
        return x.reshape((x.shape[0], *shape))

    def transpose(self, x, axes):
        return x.transpose(axes)

    def dense(self, name, x, size, gain=2.0):
        inputs = x.shape[-1]
        w = self.weight(f"{name}.weight", (inputs, size), (gain / inputs) ** 0.5)
        return x @ w + self.bias(f"{name}.bias", size)

    def conv(self, name, x, channels, kernel=3, stride=1, pad=1, gain=2.0):
        inputs = x.shape[-1]
        fan = inputs * kernel * kernel
        w = self.weight(f"{name}.weight", (channels, inputs, kernel, kernel), (gain / fan) ** 0.5)
        height = (x.shape[1] + 2 * pad - kernel) // stride + 1
        padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        reach = stride * (height - 1) + 1
        shifted = [
            padded[:, i : i + reach : stride, j : j + reach : stride] for i in range(kernel) for j in range(kernel)
        ]
        columns = jnp.concatenate(shifted, axis=-1)
        matrix = w.transpose(2, 3, 1, 0).reshape(fan, channels)
        return columns @ matrix + self.bias(f"{name}.bias", channels)

    def conv_text(self, name, x, channels, window, gain=2.0):
        length, inputs = x.shape[1:]
        w = self.weight(f"{name}.weight", (channels, inputs, 1, window), (gain / (inputs * window)) ** 0.5)
        padded = jnp.pad(x, ((0, 0), (window // 2, window // 2), (0, 0)))
        columns = jnp.concatenate([padded[:, i : i + length] for i in range(window)], axis=-1)
        matrix = w[:, :, 0].transpose(2, 1, 0).reshape(inputs * window, channels)
        return columns @ matrix + self.bias(f"{name}.bias", channels)

    def max_pool(self, x):
        n, h, w, c = x.shape
        return x.reshape(n, h // 2, 2, w // 2, 2, c).max(axis=(2, 4))

    def flatten(self, x):
        return x.transpose(0, 3, 1, 2).reshape(x.shape[0], -1)

    def tokens(self, x):
        n, h, w, c = x.shape
        return x.reshape(n, h * w, c)

    def positions(self, name, x):
        return x + self.weight(f"{name}.weight", x.shape[1:], 0.02)

    def layer_norm(self, name, x):
        mean = x.mean(axis=-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(axis=-1, keepdims=True)
        normal = (x - mean) / jnp.sqrt(variance + 1e-5)
        size = x.shape[-1]
        return normal * self.bias(f"{name}.scale", size, 1.0) + self.bias(f"{name}.bias", size)

    def dropout(self, x, rate):
        if self.dropout_key is None:
            return x
        self.dropout_key, key = jax.random.split(self.dropout_key)
        return jnp.where(jax.random.bernoulli(key, 1 - rate, x.shape), x / (1 - rate), 0.0)

    def present(self, ids):
        return (ids > 0).astype(jnp.float32)[:, :, None]

    def pairs(self, ids, base):
        return ids[:, :-1] * base + ids[:, 1:]

    def drop_last(self, x):
        return x[:, :-1]

    def embedding(self, name, ids, rows, size, std=0.1):
        return self.weight(f"{name}.weight", (rows, size), std)[ids]

    def masked_mean(self, x, present):
        return (x * present).sum(axis=1) / jnp.maximum(present.sum(axis=1), 1.0)

    def hide_absent(self, scores, present):
        return scores + (present[:, None, None, :, 0] - 1.0) * 1e4
