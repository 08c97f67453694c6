"""Operates a frontend over one face: shared memory, loading and unloading by every kind of name, settings, plugins.

Usage: stock_management.py FACE ADDRESS TASK ARCHITECTURE INPUTS_BIN MODEL_ONNX
"""

import io
import json
import sys

import numpy as np
import tritonclient.utils.shared_memory as shm
from tritonclient.grpc.auth import BasicAuth

from stock import Face, pixels_of, refusal, tell

ROWS = 4
face_name, address, task, architecture, inputs_path, model_path = sys.argv[1:]
face = Face(face_name, address)
client = face.client
metadata = face.told("get_model_metadata", task)
(spec,) = metadata["inputs"]
(output,) = [o["name"] for o in metadata["outputs"]]
pixels = pixels_of(inputs_path, [int(size) for size in spec["shape"][1:]])[:ROWS]


def infer(model, rows=pixels, **options):
    return client.infer(model, [face.tensor(spec["name"], rows, "FP32")], **options)


def in_shared_memory(model):
    """Input and output of one request in system shared memory, and what the server says of the regions."""
    plain = infer(model).as_numpy(output)
    sizes = {f"{face_name}_in": pixels.nbytes, f"{face_name}_out": plain.nbytes}
    made = {name: shm.create_shared_memory_region(name, f"/{name}", size) for name, size in sizes.items()}
    source, sink = sizes
    try:
        shm.set_shared_memory_region(made[source], [pixels])
        for name, size in sizes.items():
            client.register_system_shared_memory(name, f"/{name}", size)
        status = face.regions("system")
        placed = face.module.InferInput(spec["name"], list(pixels.shape), "FP32")
        placed.set_shared_memory(source, pixels.nbytes)
        wanted = face.module.InferRequestedOutput(output)
        wanted.set_shared_memory(sink, plain.nbytes)
        shown = client.infer(model, [placed], outputs=[wanted]).get_output(output)
        shape = list(shown.shape) if face.is_grpc else shown["shape"]
        written = shm.get_contents_as_numpy(made[sink], np.float32, list(plain.shape))
        same = bool(np.abs(written - plain).max() < 1e-5)
        wanted.set_shared_memory(sink, plain.nbytes - 1)
        small = refusal(lambda: client.infer(model, [placed], outputs=[wanted]))
        twice = refusal(lambda: client.register_system_shared_memory(source, f"/{source}", pixels.nbytes))
        absent = refusal(lambda: client.register_system_shared_memory("absent", "/absent-at-all", 16))
        client.unregister_system_shared_memory(source)
        gone = refusal(lambda: client.infer(model, [placed]))
        client.unregister_system_shared_memory()
        return {
            "status": {name: [region["key"], int(region["byte_size"])] for name, region in status.items()},
            "shape": [int(size) for size in shape],
            "same": same,
            "small": small,
            "twice": twice,
            "absent": absent,
            "gone": gone,
            "left": face.regions("system"),
        }
    finally:
        for region in made.values():
            shm.destroy_shared_memory_region(region)


def cuda_memory():
    register = refusal(lambda: client.register_cuda_shared_memory("g", b"0" * 64, 0, 16))
    client.unregister_cuda_shared_memory()
    return {"regions": face.regions("cuda"), "register": register}


def state(name):
    return next([m.get("state"), m.get("reason", "")] for m in face.index() if m["name"] == name)


def unloaded_and_loaded(name):
    """A name without its instances, then with them again."""
    client.unload_model(name, unload_dependents=True)
    without = {"ready": client.is_model_ready(name), "state": state(name), "infer": refusal(lambda: infer(name))}
    client.load_model(name)
    again = {"ready": client.is_model_ready(name), "state": state(name), "rows": len(infer(name).as_numpy(output))}
    return {"without": without, "again": again}


def shown(name):
    config = face.config(name)
    batching = config.get("dynamic_batching", {})
    delay = batching.get("max_queue_delay_microseconds", 0)
    kept = {key: value["string_value"] for key, value in config.get("parameters", {}).items()}
    return [config.get("max_batch_size", 0), batching.get("preferred_batch_size", []), int(delay), kept]


def loaded_otherwise(name):
    """What ModelConfig says of a name that is loaded as a config says, and what requests feel of it."""
    before = shown(name)
    batching = {"preferred_batch_size": [2, 4], "max_queue_delay_microseconds": 1000}
    config = {"max_batch_size": 4, "dynamic_batching": batching, "parameters": {"owner": {"string_value": "me"}}}
    client.load_model(name, config=json.dumps(config))
    loaded = shown(name)
    wide = len(infer(name, np.repeat(pixels, 2, 0)).as_numpy(output))
    rows = len(infer(name).as_numpy(output))
    client.load_model(name)
    wrong = {
        "too large": refusal(lambda: client.load_model(name, config='{"max_batch_size": 100000}')),
        "no meaning": refusal(lambda: client.load_model(name, config='{"sequence_batching": {}}')),
        "no config": refusal(lambda: client.load_model(name, config="{")),
    }
    return {"before": before, "loaded": loaded, "wide": wide, "rows": rows, "after": shown(name), "wrong": wrong}


def brought(name):
    """A model that comes with its load: what it is called afterwards, and what is refused."""
    with open(model_path, "rb") as file:
        model = file.read()
    client.load_model(name, config='{"max_batch_size": 2}', files={"file:1/model.onnx": model})

    def load(files):
        return refusal(lambda: client.load_model(name, config="{}", files=files))

    return {
        "names": sorted(m["name"] for m in face.index() if m["name"].split("/")[-1] == name),
        "ready": client.is_model_ready(name, "1"),
        "maxBatch": face.config(name)["max_batch_size"],
        "rows": len(infer(name, pixels[:2]).as_numpy(output)),
        "again": load({"file:1/model.onnx": model}),
        "other version": load({"file:7/model.onnx": model}),
        "no model": load({"file:1/model.onnx": b"cats"}),
        "outside": load({"file:1/model.onnx": model, "file:1/../../etc/x": b"cats"}),
    }


def by_example(name):
    """A model that comes with examples as NumPy saves them, or with a warmup as Triton has it."""
    with open(model_path, "rb") as file:
        model = file.read()

    def saved(save, *arrays, **named):
        buffer = io.BytesIO()
        save(buffer, *arrays, **named)
        return buffer.getvalue()

    def load(files, config="{}"):
        return refusal(lambda: client.load_model(name, config=config, files={"file:1/model.onnx": model, **files}))

    image, dims = spec["name"], [int(size) for size in spec["shape"][1:]]
    warmup = {"data_type": "TYPE_FP32", "dims": dims, "input_data_file": "image"}
    config = json.dumps({"model_warmup": [{"name": "one", "batch_size": 1, "inputs": {image: warmup}}]})
    columns = np.asfortranarray(pixels.astype(">f4"))
    return {
        "npz": load({"file:examples.npz": saved(np.savez_compressed, **{image: pixels})}),
        "npy": load({f"file:examples/{image}.npy": saved(np.save, columns)}),
        "warmup": load({"file:warmup/image": pixels[:1].tobytes()}, config),
        "rows": len(infer(name).as_numpy(output)),
        "wide": load({"file:examples.npz": saved(np.savez, **{image: pixels.astype(np.float64)})}),
        "objects": load({"file:examples.npy": saved(np.save, np.array(["a", None], dtype=object))}),
        "short": load({"file:warmup/image": b"1234"}, config),
    }


def settings():
    def trace(model, changes):
        return face.trace(client.update_trace_settings(model, changes))

    return {
        "trace": face.trace(client.get_trace_settings()),
        "ofModel": {n: trace(n, {"trace_count": "5"})["trace_count"] for n in (task, architecture)},
        "read": face.trace(client.get_trace_settings(architecture))["trace_count"],
        "cleared": {n: trace(n, {"trace_count": None})["trace_count"] for n in (task, architecture)},
        "unknownModel": refusal(lambda: client.update_trace_settings("cats", {"trace_count": "5"})),
        "fixed": {
            "trace_file": refusal(lambda: client.update_trace_settings(settings={"trace_file": "/tmp/x"})),
            "log_frequency": refusal(lambda: client.update_trace_settings(settings={"log_frequency": "5"})),
            "tensors": refusal(lambda: client.update_trace_settings(settings={"trace_level": ["TENSORS"]})),
            "log_file": refusal(lambda: client.update_log_settings({"log_file": "/tmp/x"})),
        },
        "log": face.log(client.update_log_settings({"log_verbose_level": 1})),
        "logAgain": face.log(client.update_log_settings({"log_verbose_level": 0})),
        "logRead": face.log(client.get_log_settings()),
    }


def plugins():
    """A plugin is asked for the headers of every call, one at a time."""
    client.register_plugin(BasicAuth("user", "word"))
    is_live = client.is_server_live()
    is_registered = client.plugin() is not None
    client.unregister_plugin()
    return [is_live, is_registered, client.plugin() is None]


variant = face.receipt(infer(architecture))["variant"]
names = {"task": task, "architecture": architecture, "variant": variant}
seen = {
    "sharedMemory": {kind: in_shared_memory(name) for kind, name in names.items()},
    "cuda": cuda_memory(),
    "reloaded": {kind: unloaded_and_loaded(name) for kind, name in names.items()},
    "otherwise": {kind: loaded_otherwise(name) for kind, name in names.items()},
    "brought": brought(f"brought-{face_name}"),
    "byExample": by_example(f"by-example-{face_name}"),
    "settings": settings(),
    "plugins": plugins(),
}
client.close()
tell({**seen, "called": face.called})
