"""The clients against a running system with the zoo's digits, at INFAAS_ADDRESS; skipped where that is not said."""

import asyncio
import os
import unittest
from pathlib import Path

import numpy as np

from infaas import AsyncClient, Client, Invalid, NotFound, Progress, Unsatisfiable

ADDRESS = os.environ.get("INFAAS_ADDRESS") or None
ZOO = Path(__file__).parents[3] / "zoo"
EXAMPLES = ZOO / "digit-classification" / "uci-digits"
TASK = "digit-classification"


@unittest.skipIf(ADDRESS is None, "INFAAS_ADDRESS names no running system")
class System(unittest.TestCase):
    def setUp(self) -> None:
        self.client = Client(ADDRESS)
        self.addCleanup(self.client.close)

    def rows(self, count: int) -> np.ndarray:
        pixels = np.fromfile(EXAMPLES / "inputs.bin", dtype="<f4")
        return pixels.reshape(-1, 1, 8, 8)[:count]

    def test_an_answer_has_its_receipt(self) -> None:
        answer = self.client.query(TASK, self.rows(3), accuracy=0.9, latency_ms=10_000)
        self.assertEqual(answer.output.shape, (3, 10))
        self.assertGreaterEqual(answer.receipt.accuracy.value, 0.9)
        self.assertGreater(answer.receipt.total_ms, 0)

    def test_a_refusal_has_offers(self) -> None:
        with self.assertRaises(Unsatisfiable) as raised:
            self.client.query(TASK, self.rows(1), accuracy=1.0)
        self.assertEqual(raised.exception.offers[0].relax, "accuracy")

    def test_mistakes_are_typed(self) -> None:
        with self.assertRaises(NotFound):
            self.client.query("no-such-task", self.rows(1))
        with self.assertRaises(Invalid):
            self.client.query(TASK, np.ones((1, 3, 8, 8)))
        with self.assertRaises(Invalid):
            self.client.query(TASK, self.rows(1), latency_ms=-5)

    def test_streams_keep_their_order(self) -> None:
        rows = self.rows(40)
        expected = self.client.query(TASK, rows, deterministic=True).output.argmax(axis=1).tolist()
        each = [row[np.newaxis] for row in rows]
        answers = [a.output.argmax() for a in self.client.stream(TASK, each, deterministic=True)]
        self.assertEqual(answers, expected)

        async def ask() -> list:
            async with AsyncClient(ADDRESS) as client:
                return [a.output.argmax() async for a in client.stream(TASK, each, deterministic=True)]

        self.assertEqual(asyncio.run(ask()), expected)

    def test_a_file_is_registered_measured_asked_and_deleted(self) -> None:
        steps: list[Progress] = []
        examples = (self.rows(200), np.fromfile(EXAMPLES / "labels.bin", dtype="<i4")[:200])
        path = ZOO / "models" / "digits-mlp-s.onnx"
        made = self.client.register(
            path, name="python-mlp", task="python/digits", examples=examples, on_progress=steps.append
        )
        self.addCleanup(self.client.delete, "python/digits", with_models=True)
        self.assertTrue(made.batchable)
        self.assertTrue(steps)
        self.assertGreater(max(v.accuracy for v in made.variants), 0.9)
        self.assertEqual(self.client.query("python/digits", examples[0][:2]).output.shape, (2, 10))
        self.assertIn(made.variants[0].name, {v.name for v in self.client.models("python/digits")})
        with self.assertRaises(Unsatisfiable):
            self.client.delete("python/digits")


if __name__ == "__main__":
    unittest.main()
