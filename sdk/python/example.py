"""Asks INFaaS for a digit three ways: by requirements, by requirements nobody can meet, and over the stock protocol.

Usage: example.py [HOST:PORT]
"""

import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent / "gen"))

import grpc
from grpc_status import rpc_status
from inference import grpc_service_pb2 as oip
from inference import grpc_service_pb2_grpc as oip_grpc
from infaas.v1 import inference_pb2, inference_pb2_grpc, types_pb2

TASK = "digit-classification"
# A seven of the UCI handwritten digits: 8 x 8 pixels from 0 to 16.
SEVEN = [
    [0, 0, 4, 15, 16, 13, 13, 10],
    [0, 0, 12, 13, 10, 15, 14, 2],
    [0, 2, 16, 6, 2, 14, 6, 0],
    [0, 1, 5, 0, 9, 11, 0, 0],
    [0, 0, 7, 12, 16, 14, 6, 0],
    [0, 0, 8, 15, 15, 11, 2, 0],
    [0, 0, 2, 16, 8, 0, 0, 0],
    [0, 0, 7, 15, 4, 0, 0, 0],
]
PIXELS = struct.pack("<64f", *(pixel for row in SEVEN for pixel in row))
TENSOR = oip.ModelInferRequest.InferInputTensor(name="image", datatype="FP32", shape=[1, 1, 8, 8])


def digit(logits: bytes) -> int:
    scores = struct.unpack("<10f", logits)
    return scores.index(max(scores))


def query(channel: grpc.Channel, slo: types_pb2.Slo) -> inference_pb2.QueryResponse:
    stub = inference_pb2_grpc.InferenceServiceStub(channel)
    request = inference_pb2.QueryRequest(target=TASK, slo=slo, inputs=[TENSOR], raw_input_contents=[PIXELS])
    return stub.Query(request, timeout=10)


def print_receipt(answer: inference_pb2.QueryResponse) -> None:
    receipt = answer.receipt
    print(f"digit {digit(answer.raw_output_contents[0])} by {receipt.variant}")
    print(
        f"  accuracy {receipt.accuracy.value:.4f}  batch {receipt.batch_size}"
        f"  {receipt.total_ms:.2f} ms  {receipt.cost_usd:.3g} USD"
    )


def print_refusal(error: grpc.RpcError) -> None:
    print(f"refused: {error.code().name}")
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        refusal = types_pb2.Refusal()
        if not detail.Unpack(refusal):
            continue
        for offer in refusal.offers:
            print(
                f"  offer: relax {offer.relax}, get {offer.variant}"
                f" in {offer.latency_ms:.2f} ms, accuracy {offer.accuracy:.4f}"
            )


def main() -> None:
    address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8001"
    with grpc.insecure_channel(address) as channel:
        print_receipt(query(channel, types_pb2.Slo(min_accuracy=0.9, latency_ms=1000)))
        try:
            query(channel, types_pb2.Slo(min_accuracy=1.0))
        except grpc.RpcError as error:
            print_refusal(error)
        stock = oip_grpc.GRPCInferenceServiceStub(channel)
        request = oip.ModelInferRequest(model_name=TASK, inputs=[TENSOR], raw_input_contents=[PIXELS])
        request.parameters["slo_latency_ms"].int64_param = 1000
        answer = stock.ModelInfer(request, timeout=10)
        variant = answer.parameters["variant"].string_param
        print(f"ModelInfer: digit {digit(answer.raw_output_contents[0])} by {variant}")


if __name__ == "__main__":
    main()
