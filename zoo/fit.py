"""Training: Adam with decoupled weight decay and a cosine schedule, everything random drawn from one seed."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.ndimage import map_coordinates

from numeric import Numeric

SEED = 20261124
WARM_UP_SHARE = 0.1


def fit(architecture, task):
    """Trained weights by name, as numpy arrays."""
    rng = np.random.default_rng(SEED)
    params = {}
    architecture.build(Numeric(params, init_rng=rng), jnp.asarray(task.train_inputs[:2]), task)
    steps = len(task.train_inputs) // architecture.batch
    total = steps * architecture.epochs
    state = (params, jax.tree.map(jnp.zeros_like, params), jax.tree.map(jnp.zeros_like, params))
    epoch = jax.jit(partial(run_epoch, architecture, task, total))
    for number in range(architecture.epochs):
        order = rng.permutation(len(task.train_inputs))[: steps * architecture.batch].reshape(steps, -1)
        keys = jax.random.split(jax.random.key(SEED + number), steps)
        state = epoch(state, number * steps + jnp.arange(steps), keys, task.train_inputs[order], task.train_labels[order])
    return {name: np.asarray(value) for name, value in state[0].items()}


def run_epoch(architecture, task, total, state, numbers, keys, inputs, labels):
    def step(state, batch):
        number, key, x, y = batch
        params, first, second = state
        gradient = jax.grad(partial(loss, architecture, task))(params, key, x, y)
        first = jax.tree.map(lambda m, g: 0.9 * m + 0.1 * g, first, gradient)
        second = jax.tree.map(lambda v, g: 0.999 * v + 0.001 * g * g, second, gradient)
        done = (number + 1) / total
        rate = architecture.learning_rate * jnp.minimum(done / WARM_UP_SHARE, 0.5 * (1 + jnp.cos(jnp.pi * done)))
        unbias1, unbias2 = 1 - 0.9 ** (number + 1.0), 1 - 0.999 ** (number + 1.0)

        def move(p, m, v):
            return p - rate * ((m / unbias1) / (jnp.sqrt(v / unbias2) + 1e-8) + architecture.weight_decay * p)

        return (jax.tree.map(move, params, first, second), first, second), None

    return jax.lax.scan(step, state, (numbers, keys, inputs, labels))[0]


def loss(architecture, task, params, key, x, y):
    """Mean cross-entropy of one batch."""
    augment_key, dropout_key = jax.random.split(key)
    if architecture.augment:
        x = jax.vmap(distort)(jax.random.split(augment_key, len(x)), x)
    logits = architecture.build(Numeric(params, dropout_key=dropout_key), x, task)
    smooth = architecture.label_smoothing
    target = jax.nn.one_hot(y, task.classes) * (1 - smooth) + smooth / task.classes
    return -(target * jax.nn.log_softmax(logits)).sum(axis=-1).mean()


def distort(key, picture):
    """The digit `[1, 8, 8]` turned by up to 12 degrees, scaled and sheared by a tenth and shifted by up to a pixel."""
    turn, grow_y, grow_x, shear, shift_y, shift_x = jax.random.uniform(key, (6,), minval=-1.0, maxval=1.0)
    angle = turn * jnp.pi * 12 / 180
    cos, sin = jnp.cos(angle), jnp.sin(angle)
    y, x = jnp.meshgrid(jnp.arange(8.0) - 3.5, jnp.arange(8.0) - 3.5, indexing="ij")
    y, x = y * (1 + 0.1 * grow_y), x * (1 + 0.1 * grow_x) + 0.1 * shear * y
    source_y, source_x = cos * y - sin * x + 3.5 + 0.8 * shift_y, sin * y + cos * x + 3.5 + 0.8 * shift_x
    return map_coordinates(picture[0], [source_y, source_x], order=1, mode="constant")[None]
