"""Drives a frontend's HTTP face with the unmodified Triton client and prints what it saw as one JSON object.

Usage: stock_http_client.py ADDRESS TASK ARCHITECTURE INPUTS_BIN LABELS_BIN
"""

import asyncio
import json
import sys

import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

ROWS = 16
address, task, architecture, inputs_path, labels_path = sys.argv[1:]
short_task = task.split("/")[0]
client = triton.InferenceServerClient(address, concurrency=4)


def refusal(call):
    """The HTTP status and sentence a call is refused with; None when it is answered."""
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


metadata = client.get_model_metadata(task)
(spec,) = metadata["inputs"]
(output,) = metadata["outputs"]
row_shape = spec["shape"][1:]
pixels = np.fromfile(inputs_path, np.float32).reshape([-1, *row_shape])
labels = np.fromfile(labels_path, np.int32)


def tensor(rows, name=spec["name"], binary=True):
    made = triton.InferInput(name, list(rows.shape), "FP32" if rows.dtype == np.float32 else "FP64")
    made.set_data_from_numpy(rows, binary_data=binary)
    return made


def wanted(binary, **options):
    return [triton.InferRequestedOutput(output["name"], binary_data=binary, **options)]


def infer(model, rows=pixels[:1], binary=True, **options):
    return client.infer(model, [tensor(rows, binary=binary)], **options)


def receipt(result):
    return result.get_response()["parameters"]


def answer(result):
    response = result.get_response()
    return {
        "model": response["model_name"],
        "version": response["model_version"],
        "id": response.get("id", ""),
        "outputs": [o["name"] for o in response["outputs"]],
        "shape": list(result.as_numpy(output["name"]).shape),
        "parameters": response["parameters"],
    }


async def asynchronously():
    """Four queries at once by the asyncio client."""
    async with triton_aio.InferenceServerClient(address) as other:
        made = triton_aio.InferInput(spec["name"], [1, *row_shape], "FP32")
        made.set_data_from_numpy(pixels[:1])
        results = await asyncio.gather(*(other.infer(task, [made]) for _ in range(4)))
        return [list(result.as_numpy(output["name"]).shape) for result in results]


def in_shared_memory(model):
    """Input and output of one request in system shared memory, and what the server says of the regions."""
    plain = infer(model).as_numpy(output["name"])
    regions = {"http_in": pixels[:1].nbytes, "http_out": plain.nbytes}
    made = {name: shm.create_shared_memory_region(name, f"/{name}", size) for name, size in regions.items()}
    try:
        shm.set_shared_memory_region(made["http_in"], [pixels[:1]])
        for name, size in regions.items():
            client.register_system_shared_memory(name, f"/{name}", size)
        status = client.get_system_shared_memory_status()
        placed = triton.InferInput(spec["name"], [1, *row_shape], "FP32")
        placed.set_shared_memory("http_in", pixels[:1].nbytes)
        wanted = triton.InferRequestedOutput(output["name"])
        wanted.set_shared_memory("http_out", plain.nbytes)
        shown = client.infer(model, [placed], outputs=[wanted]).get_output(output["name"])
        result = shm.get_contents_as_numpy(made["http_out"], np.float32, list(plain.shape))
        same = bool(np.abs(result - plain).max() < 1e-5)
        client.unregister_system_shared_memory("http_in")
        gone = refusal(lambda: client.infer(model, [placed]))
        client.unregister_system_shared_memory()
        left = client.get_system_shared_memory_status()
        return {"status": status, "shown": shown, "same": same, "gone": gone, "left": left}
    finally:
        for region in made.values():
            shm.destroy_shared_memory_region(region)


def unloaded_and_loaded(name):
    client.unload_model(name)
    ready = client.is_model_ready(name)
    client.load_model(name)
    return [ready, client.is_model_ready(name)]


def best_classes():
    result = infer(task, outputs=wanted(False, class_count=3)).as_numpy(output["name"])
    return [entry.decode() if isinstance(entry, bytes) else entry for entry in result.reshape(-1)]


by_task = infer(task, pixels[:ROWS], request_id="q-7")
variant = receipt(by_task)["variant"]
batched = by_task.as_numpy(output["name"])
in_json = infer(variant, pixels[:ROWS], binary=False, outputs=wanted(False)).as_numpy(output["name"])
alone = np.concatenate([infer(variant, pixels[i : i + 1]).as_numpy(output["name"]) for i in range(ROWS)])
greenlets = [client.async_infer(task, [tensor(pixels[:1])]) for _ in range(4)]
needs = {"slo_latency_ms": 5000, "slo_min_accuracy": 0.96}


def compressed(algorithm):
    result = infer(
        task, request_compression_algorithm=algorithm, response_compression_algorithm=algorithm, outputs=wanted(True)
    )
    return answer(result)["shape"]


print(
    json.dumps(
        {
            "live": client.is_server_live(),
            "ready": client.is_server_ready(),
            "modelsReady": [client.is_model_ready(name) for name in (task, short_task, architecture, variant)],
            "unknownReady": client.is_model_ready("cats"),
            "extensions": client.get_server_metadata()["extensions"],
            "metadata": {n: client.get_model_metadata(n, "1") for n in (short_task, task, architecture, variant)},
            "config": client.get_model_config(task),
            "index": [[m["name"], m["version"], m["state"]] for m in client.get_model_repository_index()],
            "variant": variant,
            "byTask": answer(by_task),
            "byShortTask": answer(infer(short_task, model_version="1")),
            "byArchitecture": answer(infer(architecture, outputs=wanted(True))),
            "byVariant": answer(infer(variant, timeout=10_000_000, priority=1)),
            "async": [answer(greenlet.get_result())["shape"] for greenlet in greenlets],
            "asyncio": asyncio.run(asynchronously()),
            "correct": int((batched.argmax(1) == labels[:ROWS]).sum()),
            "farthestFromAlone": float(np.abs(batched - alone).max()),
            "farthestInJson": float(np.abs(batched - in_json).max()),
            "needsAsNumbers": receipt(infer(task, parameters=needs)),
            "needsAsText": receipt(infer(task, parameters={n: str(v) for n, v in needs.items()})),
            "needsAsHeaders": receipt(infer(task, headers={"slo-min-accuracy": "0.96"})),
            "gzip": compressed("gzip"),
            "deflate": compressed("deflate"),
            "statistics": client.get_inference_statistics(short_task)["model_stats"],
            "allStatistics": len(client.get_inference_statistics()["model_stats"]),
            "classes": best_classes(),
            "sharedMemory": in_shared_memory(task),
            "unloadedAndLoaded": unloaded_and_loaded(architecture),
            "traceSettings": client.get_trace_settings(),
            "logSettings": client.get_log_settings(),
            "refusals": {
                "unknown model": refusal(lambda: infer("cats")),
                "unknown version": refusal(lambda: infer(task, model_version="9")),
                "version no number": refusal(lambda: client.get_model_metadata(task, "latest")),
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
