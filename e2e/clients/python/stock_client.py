"""Drives a frontend with the unmodified Triton client and prints what it saw as one JSON object.

Usage: stock_client.py ADDRESS TASK ARCHITECTURE INPUTS_BIN LABELS_BIN
"""

import json
import sys

import numpy as np
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

ROWS = 16
address, task, architecture, inputs_path, labels_path = sys.argv[1:]
short_task = task.split("/")[0]
client = triton.InferenceServerClient(address)


def refusal(call):
    """The status and sentence a call is refused with; None when it is answered."""
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def parameters(result):
    choices = result.get_response().parameters.items()
    return {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in choices}


metadata = client.get_model_metadata(task, as_json=True)
(spec,) = metadata["inputs"]
(output,) = metadata["outputs"]
row_shape = [int(size) for size in spec["shape"][1:]]
pixels = np.fromfile(inputs_path, np.float32).reshape([-1, *row_shape])
labels = np.fromfile(labels_path, np.int32)


def tensor(rows, name=spec["name"]):
    made = triton.InferInput(name, list(rows.shape), "FP32" if rows.dtype == np.float32 else "FP64")
    made.set_data_from_numpy(rows)
    return made


def infer(model, rows=pixels[:1], **options):
    return client.infer(model, [tensor(rows)], **options)


def answer(result):
    response = result.get_response()
    return {
        "model": response.model_name,
        "version": response.model_version,
        "id": response.id,
        "outputs": [o.name for o in response.outputs],
        "rawOutputs": len(response.raw_output_contents),
        "shape": list(result.as_numpy(output["name"]).shape),
        "parameters": parameters(result),
    }


by_task = infer(task, pixels[:ROWS], request_id="q-7")
variant = parameters(by_task)["variant"]
batched = by_task.as_numpy(output["name"])
alone = np.concatenate([infer(variant, pixels[i : i + 1]).as_numpy(output["name"]) for i in range(ROWS)])
index = client.get_model_repository_index(as_json=True)["models"]
statistics = client.get_inference_statistics(short_task, as_json=True)["model_stats"]
needs = {"slo_latency_ms": 5000, "slo_min_accuracy": 0.96}

print(
    json.dumps(
        {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "modelsReady": [client.is_model_ready(name) for name in (task, short_task, architecture, variant)],
            "extensions": client.get_server_metadata(as_json=True)["extensions"],
            "metadata": {n: client.get_model_metadata(n, as_json=True) for n in (short_task, architecture, variant)},
            "config": client.get_model_config(short_task, as_json=True)["config"],
            "index": [[m["name"], m["version"]] for m in index],
            "variant": variant,
            "byTask": answer(by_task),
            "byShortTask": answer(infer(short_task, model_version="1")),
            "byArchitecture": answer(infer(architecture, outputs=[triton.InferRequestedOutput(output["name"])])),
            "byVariant": answer(infer(variant, client_timeout=20.0, timeout=10_000_000, priority=1)),
            "correct": int((batched.argmax(1) == labels[:ROWS]).sum()),
            "farthestFromAlone": float(np.abs(batched - alone).max()),
            "needsAsNumbers": parameters(infer(task, parameters=needs)),
            "needsAsText": parameters(infer(task, parameters={n: str(v) for n, v in needs.items()})),
            "needsAsHeaders": parameters(infer(task, headers={"slo-min-accuracy": "0.96"})),
            "gzip": answer(infer(task, compression_algorithm="gzip"))["shape"],
            "deflate": answer(infer(task, compression_algorithm="deflate"))["shape"],
            "statistics": statistics,
            "refusals": {
                "unknown model": refusal(lambda: infer("cats")),
                "unknown version": refusal(lambda: infer(task, model_version="9")),
                "version no number": refusal(lambda: client.is_model_ready(task, "latest")),
                "wrong shape": refusal(lambda: infer(task, np.zeros([1, 3], np.float32))),
                "wrong type": refusal(lambda: infer(task, pixels[:1].astype(np.float64))),
                "wrong input": refusal(lambda: client.infer(task, [tensor(pixels[:1], "sound")])),
                "wrong output": refusal(lambda: infer(task, outputs=[triton.InferRequestedOutput("mood")])),
                "too many rows": refusal(lambda: infer(task, np.zeros([9999, *row_shape], np.float32))),
                "wrong requirement": refusal(lambda: infer(task, parameters={"slo_latency_ms": "soon"})),
                "impossible": refusal(lambda: infer(task, parameters={"slo_min_accuracy": 1.0})),
                "statistics of unknown": refusal(lambda: client.get_inference_statistics("cats")),
            },
        }
    )
)
