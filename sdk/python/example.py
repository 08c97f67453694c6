"""Asks INFaaS for a digit: by requirements, by requirements nobody can meet, in a stream and over the stock protocol.

Usage: example.py [HOST:PORT]
"""

import asyncio
import sys

import numpy as np
import tritonclient.grpc as triton

from infaas import Answer, AsyncClient, Client, Refused

TASK = "digit-classification"
# A seven of the UCI handwritten digits: 8 x 8 pixels from 0 to 16.
SEVEN = np.array(
    [
        [0, 0, 4, 15, 16, 13, 13, 10],
        [0, 0, 12, 13, 10, 15, 14, 2],
        [0, 2, 16, 6, 2, 14, 6, 0],
        [0, 1, 5, 0, 9, 11, 0, 0],
        [0, 0, 7, 12, 16, 14, 6, 0],
        [0, 0, 8, 15, 15, 11, 2, 0],
        [0, 0, 2, 16, 8, 0, 0, 0],
        [0, 0, 7, 15, 4, 0, 0, 0],
    ],
    dtype=np.float32,
)


def print_receipt(answer: Answer) -> None:
    ((label, _),) = answer.top(1)
    receipt = answer.receipt
    accuracy = receipt.accuracy.value if receipt.accuracy else float("nan")
    print(f"digit {label} by {receipt.variant}")
    print(
        f"  accuracy {accuracy:.4f}  batch {receipt.batch_size}"
        f"  {receipt.total_ms:.2f} ms  {receipt.cost_usd:.3g} USD"
    )


def print_refusal(refused: Refused) -> None:
    print(f"refused: {refused.code}")
    for offer in refused.offers:
        print(
            f"  offer: relax {offer.relax}, get {offer.variant}"
            f" in {offer.latency_ms:.2f} ms, accuracy {offer.accuracy:.4f}"
        )


async def ask_in_company(address: str) -> None:
    async with AsyncClient(address) as client:
        answers = [answer async for answer in client.stream(TASK, [SEVEN[np.newaxis]] * 100, accuracy=0.9)]
        digits = {answer.top(1)[0][0] for answer in answers}
        print(f"stream: {len(answers)} answers, all digit {' '.join(digits)}")


def ask_stock(address: str) -> None:
    """The same task by Triton's own client, in the same process."""
    client = triton.InferenceServerClient(address)
    pixels = triton.InferInput("image", [1, 1, 8, 8], "FP32")
    pixels.set_data_from_numpy(SEVEN.reshape(1, 1, 8, 8))
    answer = client.infer(TASK, [pixels], parameters={"slo_latency_ms": 1000})
    variant = answer.get_response().parameters["variant"].string_param
    print(f"ModelInfer: digit {answer.as_numpy('logits').argmax()} by {variant}")


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001"
    with Client(address) as client:
        print_receipt(client.query(TASK, image=SEVEN, accuracy=0.9, latency_ms=1000))
        try:
            client.query(TASK, image=SEVEN, accuracy=1.0)
        except Refused as refused:
            print_refusal(refused)
    asyncio.run(ask_in_company(address))
    ask_stock(address)


if __name__ == "__main__":
    main()
