"""Arrays, failures and plans of registration, without a running system."""

import unittest
from pathlib import Path

import grpc
import numpy as np

from infaas import Client, Invalid, NotFound, Unsatisfiable
from infaas.errors import failure_of
from infaas.exporters import export
from infaas.queries import Needs, Target, request_of, target_of
from infaas.registration import registration_of
from infaas.tensors import array_of, bytes_of, fit
from infaas.wire import LIST_MODELS, Refusal, Status

ZOO = Path(__file__).parents[3] / "zoo" / "models"


def listing() -> object:
    found = LIST_MODELS.response()
    found.tasks.add(name="digits/uci", labels=["zero", "one"])
    image = found.tasks[0].image
    image.width = image.height = 8
    image.channels, image.layout, image.scale = 1, "NCHW", 1.0
    model = found.architectures.add(name="cnn", task="digits/uci", aliases=["net"])
    model.inputs.add(name="image", datatype="FP32", shape=[-1, 1, 8, 8])
    found.variants.add(name="cnn.v1", architecture="cnn", task="digits/uci")
    return found


def digits() -> Target:
    return target_of(listing(), "digits")


class Tensors(unittest.TestCase):
    def test_a_row_gets_its_batch_axis_and_the_type_of_the_input(self) -> None:
        fitted = fit(np.ones((1, 8, 8)), "x", "FP32", [-1, 1, 8, 8])
        self.assertEqual((fitted.shape, fitted.dtype), ((1, 1, 8, 8), np.float32))

    def test_what_would_lose_its_values_is_refused(self) -> None:
        for given, datatype in ((np.array([300]), "UINT8"), (np.array([0.5]), "INT64"), (np.array([-1]), "UINT32")):
            with self.assertRaises(Invalid):
                fit(given, "x", datatype, [-1])
        with self.assertRaisesRegex(Invalid, r"shape \[2, 3\]; \[-1, 4\] is taken"):
            fit(np.ones((2, 3)), "x", "FP32", [-1, 4])

    def test_values_come_back(self) -> None:
        for datatype, values in (("FP16", [1.5, -2]), ("INT64", [2**60, -1]), ("BOOL", [True, False])):
            fitted = fit(np.array(values), "x", datatype, [-1])
            self.assertEqual(array_of(bytes_of(fitted, datatype), datatype, [2]).tolist(), values)
        texts = fit(np.array(["", "zwölf"]), "x", "BYTES", [-1])
        self.assertEqual(array_of(bytes_of(texts, "BYTES"), "BYTES", [2]).tolist(), [b"", "zwölf".encode()])
        self.assertEqual(array_of(b"\xc0\x3f\x00\xc0", "BF16", [2]).tolist(), [1.5, -2.0])


class Queries(unittest.TestCase):
    def test_targets_are_found_by_task_model_alias_and_variant(self) -> None:
        for name in ("digits", "digits/uci", "cnn", "net", "cnn.v1"):
            self.assertEqual(target_of(listing(), name).task.name, "digits/uci")
        with self.assertRaisesRegex(NotFound, "'faces' is no registered .*; tasks: digits/uci"):
            target_of(listing(), "faces")

    def test_a_request_says_what_is_needed(self) -> None:
        needs = Needs(accuracy=0.95, latency_ms=50, objective="max-accuracy")
        request = request_of("digits", digits(), None, np.ones((8, 8)), needs)
        self.assertEqual((request.slo.min_accuracy, request.slo.latency_ms, request.slo.objective), (0.95, 50, 2))
        self.assertFalse(request.slo.HasField("max_cost_usd"))
        self.assertEqual(list(request.inputs[0].shape), [1, 1, 8, 8])
        self.assertEqual(len(request.raw_input_contents[0]), 256)

    def test_inputs_that_are_not_taken_are_named(self) -> None:
        with self.assertRaisesRegex(Invalid, "input 'image' is missing; given: pixels"):
            request_of("digits", digits(), {"pixels": np.ones((1, 1, 8, 8))}, None, Needs())
        with self.assertRaisesRegex(Invalid, "there is no input 'mask'; there are image"):
            request_of("digits", digits(), {"image": np.ones((1, 8, 8)), "mask": 1}, None, Needs())
        with self.assertRaisesRegex(Invalid, "objective is 'cheap'"):
            request_of("digits", digits(), np.ones((1, 8, 8)), None, Needs(objective="cheap"))


class _Call(grpc.RpcError):
    def __init__(self, code: grpc.StatusCode, details: bytes = b"") -> None:
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "no variant"

    def trailing_metadata(self) -> tuple[tuple[str, bytes], ...]:
        return (("grpc-status-details-bin", self._details),)


class Failures(unittest.TestCase):
    def test_offers_are_read_from_the_status(self) -> None:
        refusal = Refusal(retry_after_ms=20)
        refusal.offers.add(relax="accuracy", variant="v", latency_ms=1.5, accuracy=0.9)
        refusal.offers.add(relax="latency", variant="w", latency_ms=9)
        status = Status(code=9)
        status.details.add(type_url="type.googleapis.com/infaas.v1.Refusal", value=refusal.SerializeToString())
        refused = failure_of(_Call(grpc.StatusCode.FAILED_PRECONDITION, status.SerializeToString()))
        assert isinstance(refused, Unsatisfiable)
        self.assertEqual([(o.relax, o.accuracy) for o in refused.offers], [("accuracy", 0.9), ("latency", None)])
        self.assertEqual(refused.retry_after_ms, 20)

    def test_nothing_listens(self) -> None:
        from infaas import Unavailable

        with Client("127.0.0.1:1") as client, self.assertRaises(Unavailable):
            client.models()


class Plans(unittest.TestCase):
    def test_labelled_examples_become_those_of_a_task_that_has_none(self) -> None:
        plan = registration_of(
            ZOO / "digits-mlp-s.onnx", name=None, task="t/u", examples=(np.ones((3, 1, 8, 8)), [1, 2, 3])
        )
        put = plan.task_request(LIST_MODELS.response())
        self.assertEqual((plan.name, put.task.name, put.task.validation.count), ("digits-mlp-s", "t/u", 3))
        known = LIST_MODELS.response(revision=7)
        known.tasks.add(name="t/u", labels=["a"])
        put = plan.task_request(known)
        self.assertEqual((put.read_revision, list(put.task.labels)), (7, ["a"]))
        known.tasks[0].validation.count = 9
        self.assertIsNone(plan.task_request(known))

    def test_faults_are_found_before_anything_is_sent(self) -> None:
        path = ZOO / "digits-mlp-s.onnx"
        faults = {
            "2 rows of examples have 1 labels": (path, (np.ones((2, 1, 8, 8)), [1])),
            "labels are class numbers": (path, (np.ones((1, 1, 8, 8)), [0.5])),
            "examples are for input 'pixels'": (path, {"pixels": np.ones((1, 1, 8, 8))}),
            "is no ONNX file": (__file__, None),
            "No such file": ("absent.onnx", None),
            "builtins.object is not exported here": (object(), np.ones((1, 4))),
        }
        for message, (model, examples) in faults.items():
            with self.subTest(message), self.assertRaisesRegex(Invalid, message):
                registration_of(model, name=None, task=None, examples=examples)

    def test_an_upload_goes_on_where_it_stopped(self) -> None:
        upload = registration_of(ZOO / "digits-cnn-l.onnx", name=None, task=None, examples=None).model
        whole = b"".join(m.data for m in upload.messages(0))
        self.assertEqual(whole, (ZOO / "digits-cnn-l.onnx").read_bytes())
        (last,) = upload.messages(upload.size - 5)
        self.assertEqual((last.offset, last.data), (upload.size - 5, whole[-5:]))

    def test_an_exporter_that_is_missing_is_named(self) -> None:
        class Estimator:
            __module__ = "sklearn.linear_model"

        try:
            import skl2onnx  # noqa: F401
        except ImportError:
            with self.assertRaisesRegex(Invalid, r"pip install 'infaas\[sklearn\]'"):
                export(Estimator(), np.ones((1, 4)))


if __name__ == "__main__":
    unittest.main()
