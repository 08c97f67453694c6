"""Drives Triton's extensions of a frontend with the unmodified Triton client and prints what it saw as one JSON object.

Usage: stock_extensions.py ADDRESS TASK ARCHITECTURE INPUTS_BIN
"""

import json
import queue
import sys

import numpy as np
import tritonclient.grpc as triton
import tritonclient.utils.shared_memory as shm
from tritonclient.utils import InferenceServerException

ANSWER_SECONDS = 30
ROWS = 4
address, task, architecture, inputs_path = sys.argv[1:]
client = triton.InferenceServerClient(address)

metadata = client.get_model_metadata(task, as_json=True)
(spec,) = metadata["inputs"]
(output,) = metadata["outputs"]
row_shape = [int(size) for size in spec["shape"][1:]]
pixels = np.fromfile(inputs_path, np.float32).reshape([-1, *row_shape])[:ROWS]


def refusal(call):
    """The status and sentence a call is refused with; None when it is answered."""
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def tensor(rows):
    made = triton.InferInput(spec["name"], list(rows.shape), "FP32")
    made.set_data_from_numpy(rows)
    return made


def infer(model, rows=pixels, **options):
    return client.infer(model, [tensor(rows)], **options).as_numpy(output["name"])


def count(name=task):
    (model,) = client.get_inference_statistics(name, as_json=True)["model_stats"]
    stats = model["inference_stats"]
    times = ("queue", "compute_input", "compute_infer", "compute_output")
    return {
        "success": int(stats["success"].get("count", 0)),
        "fail": int(stats["fail"].get("count", 0)),
        "rows": int(model.get("inference_count", 0)),
        "times": [int(stats[t].get("count", 0)) for t in times],
        "batches": sum(int(b["compute_infer"]["count"]) for b in model.get("batch_stats", [])),
        "executions": int(model.get("execution_count", 0)),
    }


def stream(requests, headers=None):
    """Sends (id, model) over one stream; what came back for each, in the order it came."""
    heard = queue.Queue()
    client.start_stream(lambda result, error: heard.put((result, error)), headers=headers)
    for identity, model in requests:
        client.async_stream_infer(model, [tensor(pixels[:1])], request_id=identity)
    seen = []
    for _ in requests:
        result, error = heard.get(timeout=ANSWER_SECONDS)
        if error is None:
            seen.append([result.get_response().id, result.as_numpy(output["name"]).shape[0]])
        else:
            seen.append([error.status(), error.message()])
            if error.status() is not None:
                break
    client.stop_stream()
    return seen


def in_shared_memory(model):
    """Input and output of one request in system shared memory, and what the server says of the regions."""
    plain = infer(model)
    regions = {"stock_in": pixels.nbytes, "stock_out": plain.nbytes}
    made = {name: shm.create_shared_memory_region(name, f"/{name}", size) for name, size in regions.items()}
    try:
        shm.set_shared_memory_region(made["stock_in"], [pixels])
        for name, size in regions.items():
            client.register_system_shared_memory(name, f"/{name}", size)
        status = client.get_system_shared_memory_status(as_json=True)["regions"]
        placed = triton.InferInput(spec["name"], list(pixels.shape), "FP32")
        placed.set_shared_memory("stock_in", pixels.nbytes)
        wanted = triton.InferRequestedOutput(output["name"])
        wanted.set_shared_memory("stock_out", plain.nbytes)
        result = client.infer(model, [placed], outputs=[wanted])
        answer = result.get_output(output["name"])
        written = shm.get_contents_as_numpy(made["stock_out"], np.float32, list(answer.shape))
        same = bool(np.abs(written - plain).max() < 1e-5)
        wanted.set_shared_memory("stock_out", plain.nbytes - 1)
        small = refusal(lambda: client.infer(model, [placed], outputs=[wanted]))
        twice = refusal(lambda: client.register_system_shared_memory("stock_in", "/stock_in", pixels.nbytes))
        client.unregister_system_shared_memory("stock_in")
        gone = refusal(lambda: client.infer(model, [placed]))
        client.unregister_system_shared_memory()
        left = client.get_system_shared_memory_status(as_json=True)
        return {
            "status": status,
            "shape": [int(size) for size in answer.shape],
            "same": same,
            "small": small,
            "twice": twice,
            "gone": gone,
            "left": left.get("regions", {}),
        }
    finally:
        for region in made.values():
            shm.destroy_shared_memory_region(region)


def classes(model):
    wanted = [triton.InferRequestedOutput(output["name"], class_count=3)]
    elements = infer(model, outputs=wanted)
    scores = infer(model)
    best = [int(element.decode().split(":")[1]) for element in elements[:, 0]]
    return {
        "shape": list(elements.shape),
        "first": elements[0][0].decode(),
        "agrees": best == [int(index) for index in scores.argmax(1)],
    }


def state(name):
    models = client.get_model_repository_index(as_json=True)["models"]
    return next([m.get("state"), m.get("reason", "")] for m in models if m["name"] == name)


def unloaded_and_loaded(name):
    client.unload_model(name, unload_dependents=True)
    without = {
        "ready": client.is_model_ready(name),
        "state": state(name),
        "infer": refusal(lambda: infer(name)),
        "task": infer(task).shape[0],
    }
    client.load_model(name)
    return {**without, "readyAgain": client.is_model_ready(name), "stateAgain": state(name), "rows": infer(name).shape[0]}


def values(settings):
    return {name: list(value.value) for name, value in settings.settings.items()}


def typed():
    """The same rows once raw and once as typed contents, which are made as any other client would."""
    request = triton.service_pb2.ModelInferRequest(model_name=task)
    made = request.inputs.add(name=spec["name"], datatype="FP32", shape=pixels.shape)
    made.contents.fp32_contents.extend(pixels.ravel().tolist())
    response = client._client_stub.ModelInfer(request)
    answer = np.frombuffer(response.raw_output_contents[0], np.float32).reshape([ROWS, -1])
    return bool(np.abs(answer - infer(task)).max() < 1e-5)


def log_values(settings):
    return {n: getattr(v, v.WhichOneof("parameter_choice")) for n, v in settings.settings.items()}


before = count()
streams = {
    "ordered": stream([(str(i), task) for i in range(20)]),
    "withError": stream([("a", task), ("b", "cats"), ("c", architecture)]),
    "grpcError": stream([("a", task), ("b", "cats"), ("c", task)], headers={"triton_grpc_error": "true"}),
}
after = count()

print(
    json.dumps(
        {
            "streams": streams,
            "before": before,
            "after": after,
            "sharedMemory": {name: in_shared_memory(name) for name in (task, architecture)},
            "cudaRegions": client.get_cuda_shared_memory_status(as_json=True).get("regions", {}),
            "cudaRegister": refusal(lambda: client.register_cuda_shared_memory("g", b"0" * 64, 0, 16)),
            "classes": classes(task),
            "typed": typed(),
            "repository": unloaded_and_loaded(architecture),
            "trace": values(client.get_trace_settings()),
            "traceOfModel": values(client.update_trace_settings(architecture, {"trace_count": "5"})),
            "traceCleared": values(client.update_trace_settings(architecture, {"trace_count": None})),
            "traceFile": refusal(lambda: client.update_trace_settings(settings={"trace_file": "x"})),
            "log": log_values(client.update_log_settings({"log_verbose_level": 1})),
            "logAgain": log_values(client.update_log_settings({"log_verbose_level": 0})),
            "logFile": refusal(lambda: client.update_log_settings({"log_file": "x"})),
        }
    )
)
