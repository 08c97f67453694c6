"""Queries a frontend by the names of a task, an architecture and a variant over one face, with all that a query may carry.

Usage: stock_queries.py FACE ADDRESS TASK ARCHITECTURE INPUTS_BIN LABELS_BIN
"""

import queue
import sys
import urllib.request

import numpy as np

from stock import Face, pixels_of, refusal, tell

ROWS = 16
ANSWER_SECONDS = 30
# An answer may be faster than one who gives up.
TRIES_MAX = 100
face_name, address, task, architecture, inputs_path, labels_path = sys.argv[1:]
face = Face(face_name, address, **({} if face_name == "grpc" else {"concurrency": 4}))
client = face.client
short_task = task.split("/")[0]
metadata = face.told("get_model_metadata", task)
(spec,) = metadata["inputs"]
(output,) = [o["name"] for o in metadata["outputs"]]
row_shape = [int(size) for size in spec["shape"][1:]]
pixels = pixels_of(inputs_path, row_shape)
labels = np.fromfile(labels_path, np.int32)


def infer(model, rows=pixels[:1], name=spec["name"], binary=True, **options):
    datatype = "FP32" if rows.dtype == np.float32 else "FP64"
    return client.infer(model, [face.tensor(name, rows, datatype, binary)], **options)


def scores(result):
    return result.as_numpy(output)


def answer(result):
    model, version, identity, outputs = face.head(result)
    shape = list(scores(result).shape)
    parameters = face.receipt(result)
    return {"model": model, "version": version, "id": identity, "outputs": outputs, "shape": shape, "parameters": parameters}


def asynchronously(count):
    """Shapes of several answers that were asked for at once."""
    row = [face.tensor(spec["name"], pixels[:1], "FP32")]
    if not face.is_grpc:
        asked = [client.async_infer(task, row) for _ in range(count)]
        return [list(scores(one.get_result(timeout=ANSWER_SECONDS)).shape) for one in asked]
    heard = queue.Queue()
    for _ in range(count):
        client.async_infer(task, row, lambda result, error: heard.put((result, error)))
    answers = [heard.get(timeout=ANSWER_SECONDS) for _ in range(count)]
    return [list(scores(result).shape) if error is None else str(error) for result, error in answers]


def cancelled():
    """What an asynchronous query ends with that its caller gives up before it is answered; gRPC alone has that."""
    if not face.is_grpc:
        return None
    heard = queue.Queue()
    many = [face.tensor(spec["name"], np.repeat(pixels[:1], 16, 0), "FP32")]
    for _ in range(TRIES_MAX):
        client.async_infer(task, many, lambda result, error: heard.put(error)).cancel()
        error = heard.get(timeout=ANSWER_SECONDS)
        if error is not None:
            return error.status()
    return None


def late():
    """What a query ends with that has a thousandth of a millisecond."""
    if face.is_grpc:
        # The client's library rounds it up to a whole one, in which some queries are answered.
        tries = (refusal(lambda: infer(task, client_timeout=0.000001)) for _ in range(TRIES_MAX))
        return next((error for error in tries if error is not None), None)
    return refusal(lambda: infer(task, parameters={"slo_latency_ms": 0.001}))


def by_hand():
    """The client's own body, sent by something else, and its own reading of the answer; HTTP alone has that."""
    if face.is_grpc:
        return None
    made = [face.tensor(spec["name"], pixels[:ROWS], "FP32")]
    body, json_size = client.generate_request_body(made, outputs=[face.wanted(output)])
    headers = {"Inference-Header-Content-Length": str(json_size)}
    request = urllib.request.Request(f"http://{address}/v2/models/{variant}/infer", body, headers)
    with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as response:
        head = int(response.headers["Inference-Header-Content-Length"])
        result = client.parse_response_body(response.read(), header_length=head)
    return float(np.abs(scores(result) - batched).max())


def compressed(algorithm):
    if face.is_grpc:
        return answer(infer(task, compression_algorithm=algorithm))["shape"]
    both = {f"{way}_compression_algorithm": algorithm for way in ("request", "response")}
    return answer(infer(task, outputs=[face.wanted(output)], **both))["shape"]


def count(name):
    (model,) = face.told("get_inference_statistics", name)["model_stats"]
    stats = model["inference_stats"]
    times = ("queue", "compute_input", "compute_infer", "compute_output")
    return {
        "name": model["name"],
        "version": model["version"],
        "success": int(stats["success"].get("count", 0)),
        "fail": int(stats["fail"].get("count", 0)),
        "rows": int(model.get("inference_count", 0)),
        "times": [int(stats[t].get("count", 0)) for t in times],
        "batches": sum(int(b["compute_infer"]["count"]) for b in model.get("batch_stats", [])),
        "executions": int(model.get("execution_count", 0)),
    }


def counted(names):
    """How statistics grow by one answer of three rows and one failure under each name."""
    seen = {}
    for name in names:
        before = count(name)
        infer(name, pixels[:3])
        refusal(lambda: infer(name, pixels[:1], "sound"))
        after = count(name)
        grown = {key: after[key] - before[key] for key in ("success", "fail", "rows")}
        seen[name] = {**after, "grown": grown}
    return seen


def classes(binary):
    result = infer(task, pixels[:4], outputs=[face.wanted(output, binary, class_count=3)])
    elements = [e.decode() if isinstance(e, bytes) else e for e in scores(result).reshape(-1)]
    best = [int(element.split(":")[1]) for element in elements[::3]]
    agrees = best == [int(index) for index in scores(infer(task, pixels[:4])).argmax(1)]
    return {"shape": list(scores(result).shape), "first": elements[0], "agrees": agrees}


by_task = infer(task, pixels[:ROWS], request_id="q-7")
variant = face.receipt(by_task)["variant"]
batched = scores(by_task)
alone = np.concatenate([scores(infer(variant, pixels[i : i + 1])) for i in range(ROWS)])
in_json = scores(infer(variant, pixels[:ROWS], binary=False, outputs=[face.wanted(output, False)]))
names = (task, short_task, architecture, variant)
needs = {"slo_latency_ms": 5000, "slo_min_accuracy": 0.96}

seen = {
    "live": client.is_server_live(),
    "ready": client.is_server_ready(),
    "modelsReady": [client.is_model_ready(name) for name in names] + [client.is_model_ready(task, "1")],
    "extensions": face.told("get_server_metadata")["extensions"],
    "metadata": {name: face.told("get_model_metadata", name, "1") for name in names},
    "config": {name: face.config(name, "1") for name in names},
    "index": [[m["name"], m["version"], m["state"]] for m in face.index()],
    "variant": variant,
    "answers": {name: answer(infer(name, model_version="1")) for name in names},
    "byTask": answer(by_task),
    "chosenOutput": answer(infer(architecture, outputs=[face.wanted(output)]))["outputs"],
    "async": asynchronously(4),
    "cancelled": cancelled(),
    "late": late(),
    "byHand": by_hand(),
    "correct": int((batched.argmax(1) == labels[:ROWS]).sum()),
    "farthestFromAlone": float(np.abs(batched - alone).max()),
    "farthestInJson": float(np.abs(batched - in_json).max()),
    "needsAsNumbers": face.receipt(infer(task, parameters=needs)),
    "needsAsText": face.receipt(infer(task, parameters={n: str(v) for n, v in needs.items()})),
    "needsAsHeaders": face.receipt(infer(task, headers={"slo-min-accuracy": "0.96"})),
    "manyRows": len(infer(task, np.zeros([9999, *row_shape], np.float32)).as_numpy(output)),
    "protocolParameters": answer(infer(variant, timeout=10_000_000, priority=1))["shape"],
    "sequence": answer(infer(variant, sequence_id=7, sequence_start=True, sequence_end=True))["shape"],
    "sequenceByName": answer(infer(variant, sequence_id="a", sequence_start=True))["shape"],
    "gzip": compressed("gzip"),
    "deflate": compressed("deflate"),
    "counted": counted(names),
    "allStatistics": [m["name"] for m in face.told("get_inference_statistics")["model_stats"]],
    "classes": [classes(True), classes(False)],
    "refusals": {
        "unknown model": refusal(lambda: infer("cats")),
        "unknown version": refusal(lambda: infer(task, model_version="9")),
        "version no number": refusal(lambda: face.told("get_model_metadata", task, "latest")),
        "wrong shape": refusal(lambda: infer(task, np.zeros([1, 3], np.float32))),
        "wrong type": refusal(lambda: infer(task, pixels[:1].astype(np.float64))),
        "wrong input": refusal(lambda: infer(task, pixels[:1], "sound")),
        "wrong output": refusal(lambda: infer(task, outputs=[face.wanted("mood")])),
        "wrong requirement": refusal(lambda: infer(task, parameters={"slo_latency_ms": "soon"})),
        "impossible": refusal(lambda: infer(task, parameters={"slo_min_accuracy": 1.0})),
        "statistics of unknown": refusal(lambda: client.get_inference_statistics("cats")),
    },
}
client.close()
tell({**seen, "called": face.called})
