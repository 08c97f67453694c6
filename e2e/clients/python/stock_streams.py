"""Streams of gRPC, and every method of the asyncio clients of both faces, with the unmodified Triton client.

Usage: stock_streams.py GRPC_ADDRESS HTTP_ADDRESS TASK ARCHITECTURE VARIANT INPUTS_BIN
"""

import asyncio
import queue
import sys

import tritonclient.grpc as triton
import tritonclient.grpc.aio
import tritonclient.http.aio

from stock import Face, Recorded, pixels_of, tell

ANSWER_SECONDS = 30
grpc_address, http_address, task, architecture, variant, inputs_path = sys.argv[1:]
face = Face("grpc", grpc_address)
client = face.client
(spec,) = face.told("get_model_metadata", task)["inputs"]
(output,) = [o["name"] for o in face.told("get_model_metadata", task)["outputs"]]
pixels = pixels_of(inputs_path, [int(size) for size in spec["shape"][1:]])[:1]


def row(module=triton):
    made = module.InferInput(spec["name"], list(pixels.shape), "FP32")
    made.set_data_from_numpy(pixels)
    return made


def stream(requests, headers=None, compression=None, **options):
    """Sends (id, model) over one stream; what came back for each, in the order it came."""
    heard = queue.Queue()
    client.start_stream(lambda result, error: heard.put((result, error)), None, headers, compression)
    for identity, model in requests:
        client.async_stream_infer(model, [row()], request_id=identity, **options)
    seen = []
    for _ in requests:
        result, error = heard.get(timeout=ANSWER_SECONDS)
        if error is None:
            last = result.get_response().parameters["triton_final_response"]
            is_last = last.bool_param if last.WhichOneof("parameter_choice") else None
            seen.append([result.get_response().id, result.as_numpy(output).shape[0], is_last])
        else:
            seen.append([error.status(), error.message()])
            if error.status() is not None:
                break
    client.stop_stream()
    return seen


def given_up():
    """A stream whose caller stops it with requests on their way."""
    heard = queue.Queue()
    client.start_stream(lambda result, error: heard.put(error))
    for _ in range(50):
        client.async_stream_infer(task, [row()])
    client.stop_stream(cancel_requests=True)
    return client.is_server_live()


def out_of_time():
    """What a stream ends with that has a deadline, once that has passed."""
    heard = queue.Queue()
    client.start_stream(lambda result, error: heard.put(error), stream_timeout=0.2)
    error = heard.get(timeout=ANSWER_SECONDS)
    client.stop_stream()
    return error.status()


async def asyncio_stream(other):
    async def requests():
        for identity, model in (("a", task), ("b", "cats"), ("c", architecture)):
            yield {"model_name": model, "inputs": [row()], "request_id": identity}

    answers = []
    async for result, error in other.stream_infer(requests()):
        answers.append(error.message() if result is None else result.get_response().id)
    return answers


async def described(other, is_grpc):
    """Calls that describe something, each by the name of its method."""
    as_json = {"as_json": True} if is_grpc else {}
    return {
        "is_server_live": await other.is_server_live(),
        "is_server_ready": await other.is_server_ready(),
        "is_model_ready": [await other.is_model_ready(name) for name in (task, architecture, variant)],
        "get_server_metadata": (await other.get_server_metadata(**as_json))["name"],
        "get_model_metadata": (await other.get_model_metadata(architecture, **as_json))["name"],
        "get_model_config": len(await other.get_model_config(variant, **as_json)) > 0,
        "get_model_repository_index": len(await other.get_model_repository_index(**as_json)) > 0,
        "get_inference_statistics": len((await other.get_inference_statistics(task, **as_json))["model_stats"]),
    }


async def operated(other):
    """Calls that change something and change it back; whether each was answered."""
    await other.unload_model(variant)
    without = await other.is_model_ready(variant)
    await other.load_model(variant, config='{"max_batch_size": 1}')
    await other.load_model(variant)
    await other.update_trace_settings(architecture, {"trace_count": "3"})
    await other.get_trace_settings(architecture)
    await other.update_trace_settings(architecture, {"trace_count": None})
    await other.update_log_settings({"log_verbose_level": 0})
    await other.get_log_settings()
    await other.get_system_shared_memory_status()
    await other.get_cuda_shared_memory_status()
    failures = []
    for call in (
        other.register_system_shared_memory("absent", "/absent-at-all", 16),
        other.register_cuda_shared_memory("g", b"0" * 64, 0, 16),
    ):
        try:
            await call
        except triton.InferenceServerException as error:
            failures.append(error.status())
    await other.unregister_system_shared_memory()
    await other.unregister_cuda_shared_memory()
    return {"without": without, "again": await other.is_model_ready(variant), "failures": failures}


class Headers(triton.InferenceServerClientPlugin):
    """Adds a requirement to every call."""

    def __call__(self, request):
        request.headers["slo-min-accuracy"] = "0.96"


async def asynchronously(module, address, is_grpc):
    called = set()
    other = Recorded(module.InferenceServerClient(address), called)
    answers = await asyncio.gather(*(other.infer(task, [row(module)]) for _ in range(4)))
    other.register_plugin(Headers())
    accurate = await other.infer(task, [row(module)])
    is_registered = other.plugin() is not None
    other.unregister_plugin()
    if not is_grpc:
        body, size = other.generate_request_body([row(module)])
        head = b'{"model_name":"m","model_version":"1","outputs":[]}'
        parsed = other.parse_response_body(head).get_response()["model_name"]
        is_whole = [size is None or 0 < size <= len(body), parsed]
    seen = {
        "shapes": [list(result.as_numpy(output).shape) for result in answers],
        "architecture": architecture_of(accurate, is_grpc),
        "isRegistered": is_registered,
        "described": await described(other, is_grpc),
        "operated": await operated(other),
        "stream": await asyncio_stream(other) if is_grpc else None,
        "bodies": None if is_grpc else is_whole,
    }
    await other.close()
    return {**seen, "called": called}


def architecture_of(result, is_grpc):
    parameters = result.get_response().parameters if is_grpc else result.get_response()["parameters"]
    return parameters["architecture"].string_param if is_grpc else parameters["architecture"]


seen = {
    "ordered": stream([(str(i), task) for i in range(20)]),
    "withError": stream([("a", task), ("b", "cats"), ("c", architecture), ("d", variant)]),
    "grpcError": stream([("a", task), ("b", "cats"), ("c", task)], headers={"triton_grpc_error": "true"}),
    "final": stream([("a", task), ("b", task)], enable_empty_final_response=True),
    "gzip": stream([("a", task)], compression="gzip"),
    "needs": stream([("a", task)], parameters={"slo_min_accuracy": 0.96}, priority=1, timeout=10_000_000),
    "givenUp": given_up(),
    "outOfTime": out_of_time(),
    "grpcAio": asyncio.run(asynchronously(tritonclient.grpc.aio, grpc_address, True)),
    "httpAio": asyncio.run(asynchronously(tritonclient.http.aio, http_address, False)),
    "methods": {
        module.__name__: [n for n in dir(module.InferenceServerClient) if not n.startswith("_")]
        for module in (tritonclient.grpc, tritonclient.grpc.aio, tritonclient.http, tritonclient.http.aio)
    },
}
client.close()
tell({**seen, "called": face.called})
