"""The same vocabulary of operations as numeric.Numeric, written down as an ONNX graph with trained weights."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
IR_VERSION = 8
NUMPY_TO_ONNX = {"FP32": TensorProto.FLOAT, "INT64": TensorProto.INT64}


@dataclass(frozen=True)
class Value:
    """A tensor of the graph: its name and its shape per row, the batch axis left out."""

    name: str
    shape: tuple


class Graph:
    """Builds nodes. Counts `flops` per row: two per multiply-add of a product, one per term of a masked mean and its mask."""

    def __init__(self, params):
        self.params = params
        self.nodes = []
        self.initializers = {}
        self.flops = 0

    def model(self, name, inputs, outputs):
        """The finished model; `inputs` and `outputs` are (name, dtype, shape per row)."""
        infos = [
            [helper.make_tensor_value_info(n, NUMPY_TO_ONNX[d], ["N", *s]) for n, d, s in group]
            for group in (inputs, outputs)
        ]
        graph = helper.make_graph(self.nodes, name, *infos, initializer=list(self.initializers.values()))
        model = helper.make_model(
            graph,
            producer_name="infaas-zoo",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model

    def node(self, op, inputs, shape, name=None, **attributes):
        name = name or f"{op.lower()}_{len(self.nodes)}"
        names = [v.name if isinstance(v, Value) else v for v in inputs]
        self.nodes.append(helper.make_node(op, names, [name], name=f"{name}/{op}", **attributes))
        return Value(name, tuple(shape))

    def constant(self, name, array):
        self.initializers[name] = numpy_helper.from_array(np.ascontiguousarray(array), name)
        return name

    def param(self, name):
        return self.constant(name, np.asarray(self.params[name], np.float32))

    def scalar(self, value, dtype=np.float32):
        return self.constant(f"constant_{value}_{np.dtype(dtype).name}", np.asarray(value, dtype))

    def vector(self, values):
        return self.constant("int64_" + "_".join(map(str, values)), np.asarray(values, np.int64))

    def picture(self, x):
        return x

    def scale(self, x, factor):
        return self.node("Mul", [x, self.scalar(factor)], x.shape)

    def add(self, a, b):
        return self.node("Add", [a, b], a.shape)

    def relu(self, x):
        return self.node("Relu", [x], x.shape)

    def softmax(self, x):
        return self.node("Softmax", [x], x.shape, axis=-1)

    def matmul(self, a, b):
        shape = (*a.shape[:-1], b.shape[-1])
        self.flops += 2 * int(np.prod(shape)) * a.shape[-1]
        return self.node("MatMul", [a, b], shape)

    def reshape(self, x, shape):
        return self.node("Reshape", [x, self.vector([0, *shape])], shape)

    def transpose(self, x, axes):
        return self.node("Transpose", [x], [x.shape[a - 1] for a in axes[1:]], perm=list(axes))

    def dense(self, name, x, size, gain=None):
        shape = (*x.shape[:-1], size)
        self.flops += 2 * int(np.prod(shape)) * x.shape[-1]
        weight, bias = self.param(f"{name}.weight"), self.param(f"{name}.bias")
        if len(x.shape) == 1:
            return self.node("Gemm", [x, weight, bias], shape, name=name)
        return self.node("Add", [self.node("MatMul", [x, weight], shape), bias], shape, name=name)

    def conv(self, name, x, channels, kernel=3, stride=1, pad=1, gain=None):
        inputs, height, width = x.shape
        shape = (channels, *((side + 2 * pad - kernel) // stride + 1 for side in (height, width)))
        self.flops += 2 * int(np.prod(shape)) * inputs * kernel * kernel
        return self.node(
            "Conv",
            [x, self.param(f"{name}.weight"), self.param(f"{name}.bias")],
            shape,
            name=name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[pad, pad, pad, pad],
        )

    def conv_text(self, name, x, channels, window, gain=None):
        length, inputs = x.shape
        self.flops += 2 * length * channels * inputs * window
        line = self.reshape(self.transpose(x, (0, 2, 1)), (inputs, 1, length))
        seen = self.node(
            "Conv",
            [line, self.param(f"{name}.weight"), self.param(f"{name}.bias")],
            (channels, 1, length),
            name=name,
            kernel_shape=[1, window],
            pads=[0, window // 2, 0, window // 2],
        )
        return self.transpose(self.reshape(seen, (channels, length)), (0, 2, 1))

    def max_pool(self, x):
        c, h, w = x.shape
        return self.node("MaxPool", [x], (c, h // 2, w // 2), kernel_shape=[2, 2], strides=[2, 2])

    def flatten(self, x):
        return self.node("Flatten", [x], (int(np.prod(x.shape)),), axis=1)

    def tokens(self, x):
        c, h, w = x.shape
        return self.transpose(self.reshape(x, (c, h * w)), (0, 2, 1))

    def positions(self, name, x):
        return self.node("Add", [x, self.param(f"{name}.weight")], x.shape)

    def layer_norm(self, name, x):
        inputs = [x, self.param(f"{name}.scale"), self.param(f"{name}.bias")]
        return self.node("LayerNormalization", inputs, x.shape, axis=-1, epsilon=1e-5)

    def dropout(self, x, rate):
        return x

    def present(self, ids):
        found = self.node("Greater", [ids, self.scalar(0, np.int64)], ids.shape)
        number = self.node("Cast", [found], ids.shape, to=TensorProto.FLOAT)
        return self.node("Unsqueeze", [number, self.vector([2])], (*ids.shape, 1))

    def pairs(self, ids, base):
        length = ids.shape[0]
        rest = (length - 1,)
        first = self.node("Slice", [ids, self.vector([0]), self.vector([length - 1]), self.vector([1])], rest)
        second = self.node("Slice", [ids, self.vector([1]), self.vector([length]), self.vector([1])], rest)
        shifted = self.node("Mul", [first, self.scalar(base, np.int64)], rest)
        return self.node("Add", [shifted, second], rest)

    def drop_last(self, x):
        length = x.shape[0]
        bounds = [self.vector([0]), self.vector([length - 1]), self.vector([1])]
        return self.node("Slice", [x, *bounds], (length - 1, *x.shape[1:]))

    def embedding(self, name, ids, rows, size, std=None):
        return self.node("Gather", [self.param(f"{name}.weight"), ids], (*ids.shape, size), axis=0)

    def masked_mean(self, x, present):
        self.flops += 2 * int(np.prod(x.shape))
        kept = self.node("Mul", [x, present], x.shape)
        axes = self.vector([1])
        total = self.node("ReduceSum", [kept, axes], x.shape[1:], keepdims=0)
        count = self.node("ReduceSum", [present, axes], (1,), keepdims=0)
        return self.node("Div", [total, self.node("Max", [count, self.scalar(1.0)], (1,))], x.shape[1:])

    def hide_absent(self, scores, present):
        tokens = present.shape[0]
        row = self.reshape(present, (1, 1, tokens))
        absent = self.node("Sub", [row, self.scalar(1.0)], (1, 1, tokens))
        return self.node("Add", [scores, self.scale(absent, 1e4)], scores.shape)
