"""Estimators of other libraries, registered under one task; each is skipped where its library is not installed."""

import importlib
import os
import unittest
from typing import Any, Callable

import numpy as np

from infaas import Client

ADDRESS = os.environ.get("INFAAS_ADDRESS") or None
TASK = "python/blobs"


def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three classes of points around three centres."""
    random = np.random.default_rng(7)
    labels = random.integers(0, 3, 240)
    points = random.normal(size=(240, 4)) + 4 * np.eye(4)[labels]
    return points.astype(np.float32), labels.astype(np.int32)


ESTIMATORS: dict[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "sklearn": (("sklearn.linear_model", "skl2onnx"), lambda m: m.LogisticRegression()),
    "lightgbm": (("lightgbm", "onnxmltools"), lambda m: m.LGBMClassifier(n_estimators=10, verbose=-1)),
    "xgboost": (("xgboost", "onnxmltools"), lambda m: m.XGBClassifier(n_estimators=10)),
}


@unittest.skipIf(ADDRESS is None, "INFAAS_ADDRESS names no running system")
class Estimators(unittest.TestCase):
    def test_each_is_exported_batched_measured_and_answers_as_it_does_itself(self) -> None:
        points, labels = blobs()
        for library, (modules, made_by) in ESTIMATORS.items():
            try:
                found = [importlib.import_module(name) for name in modules]
            except ImportError:
                continue
            with self.subTest(library), Client(ADDRESS) as client:
                estimator = made_by(found[0]).fit(points, labels)
                made = client.register(estimator, name=f"python-{library}", task=TASK, examples=(points, labels))
                self.addCleanup(self.gone)
                self.assertTrue(made.batchable, made.unbatchable_reason)
                self.assertGreater(made.variants[0].accuracy or 0, 0.95)
                answer = client.query(made.variants[0].name, points[:5])
                np.testing.assert_allclose(answer.output, estimator.predict_proba(points[:5]), atol=1e-5)

    def gone(self) -> None:
        with Client(ADDRESS) as client:
            if any(v.task == TASK for v in client.models()):
                client.delete(TASK, with_models=True)


if __name__ == "__main__":
    unittest.main()
