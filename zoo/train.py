"""Trains the zoo, writes it to ONNX and measures what it wrote.

    python train.py                 train everything; rewrite models, validation sets, examples and manifest
    python train.py digits-vit ...  train only these, keep the others
    python train.py --report        print the family as a Markdown table, with latencies of this machine
"""

import hashlib
import json
import os
import re
import sys
import textwrap
import time
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import numpy as np
import onnxruntime
from PIL import Image

from fit import fit
from graph import IR_VERSION, OPSET, Graph, Value
from networks import ARCHITECTURES, DIGITS, LANGUAGES
from tasks import load_tasks

ZOO = Path(__file__).parent
MANIFEST = ZOO / "manifest.json"
OUTPUT = "logits"
ACCURACY_TOLERANCE = 0.01
DIGIT_WORDS = {3: "three", 5: "five", 7: "seven", 8: "eight"}


def main(arguments):
    if arguments == ["--report"]:
        return report()
    unknown = set(arguments) - {a.name for a in ARCHITECTURES}
    if unknown:
        sys.exit(f"no such architecture: {', '.join(sorted(unknown))}; known: {', '.join(a.name for a in ARCHITECTURES)}")
    tasks = load_tasks()
    chosen = [a for a in ARCHITECTURES if not arguments or a.name in arguments]
    trained = {a.name: train(a, tasks[a.task]) for a in chosen}
    known = {entry["name"]: entry for entry in read_manifest()["architectures"]} | trained
    manifest = {
        "version": 1,
        "tasks": [write_task(task) for task in tasks.values()],
        "architectures": [known[a.name] for a in ARCHITECTURES if a.name in known],
    }
    MANIFEST.write_text(to_json(manifest), encoding="utf8")
    write_examples(tasks)


def train(architecture, task):
    """Trains one network, writes its ONNX file, and returns its entry in the manifest."""
    started = time.monotonic()
    params = fit(architecture, task)
    graph = Graph(params)
    logits = architecture.build(graph, Value(task.input[0], task.input[2]), task)
    graph.nodes[-1].output[0] = OUTPUT
    data = graph.model(architecture.name, [task.input], [(OUTPUT, "FP32", logits.shape)]).SerializeToString()
    path = ZOO / "models" / f"{architecture.name}.onnx"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    accuracy = measure_accuracy(path, task)
    print(f"{architecture.name}: accuracy {accuracy:.4f}, trained in {time.monotonic() - started:.0f} s", flush=True)
    return {
        "name": architecture.name,
        "task": task.name,
        **described(path),
        "opset": OPSET,
        "irVersion": IR_VERSION,
        "description": architecture.description,
        "parameterCount": int(sum(value.size for value in params.values())),
        "flopsPerItem": graph.flops,
        "accuracy": accuracy,
        "accuracyTolerance": ACCURACY_TOLERANCE,
    }


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def measure_accuracy(path, task):
    """The share of the validation set that onnxruntime answers rightly with the file as written."""
    (logits,) = open_session(path).run([OUTPUT], {task.input[0]: task.validation_inputs})
    return float((logits.argmax(axis=1) == task.validation_labels).mean())


def write_task(task):
    """Writes the validation set, raw little-endian without a header, and returns the task's entry in the manifest."""
    folder = ZOO / task.name
    folder.mkdir(parents=True, exist_ok=True)
    inputs, labels = folder / "inputs.bin", folder / "labels.bin"
    inputs.write_bytes(little_endian(task.validation_inputs))
    labels.write_bytes(little_endian(task.validation_labels))
    name, dtype, shape = task.input
    return {
        "name": task.name,
        "metric": "accuracy",
        "labels": task.labels,
        "description": task.description,
        "input": {"name": name, "dtype": dtype, "shape": list(shape)},
        "output": {"name": OUTPUT, "dtype": "FP32", "shape": [task.classes]},
        **task.hint,
        "validation": {
            "dataset": task.dataset,
            "count": len(task.validation_labels),
            "inputs": {**described(inputs), "dtype": dtype},
            "labels": {**described(labels), "dtype": "INT32"},
        },
        "trainingCount": len(task.train_labels),
        "source": task.source,
    }


def little_endian(array):
    return array.astype(array.dtype.newbyteorder("<")).tobytes()


def described(path):
    """A committed file by its path inside the zoo, its size and its digest."""
    data = path.read_bytes()
    return {
        "file": path.relative_to(ZOO).as_posix(),
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
    }


def write_examples(tasks):
    """A few held-out examples to try by hand: the first picture of some digits, and one name as a tensor."""
    folder = ZOO / "examples"
    folder.mkdir(exist_ok=True)
    digits, languages = tasks[DIGITS], tasks[LANGUAGES]
    for digit, word in DIGIT_WORDS.items():
        picture = digits.validation_inputs[np.flatnonzero(digits.validation_labels == digit)[0], 0]
        Image.fromarray(np.round(picture * 255 / 16).astype(np.uint8), "L").save(folder / f"{word}.png")
    label = languages.labels.index("French")
    row = next(
        i for i, text in enumerate(languages.texts)
        if languages.validation_labels[i] == label and 12 <= len(text) <= languages.length
    )
    ids = languages.validation_inputs[row].tolist()
    tensor = {"name": languages.input[0], "datatype": "INT64", "shape": [1, len(ids)], "data": ids}
    (folder / "french-name.json").write_text(to_json({"inputs": [tensor]}), encoding="utf8")
    (folder / "french-name.txt").write_text(languages.texts[row] + "\n", encoding="utf8")


def read_manifest():
    return json.loads(MANIFEST.read_text(encoding="utf8")) if MANIFEST.exists() else {"architectures": []}


def to_json(value):
    """Indented JSON in the repository's format: a list of plain values stays on one line where it fits."""
    text = json.dumps(value, indent=2, ensure_ascii=False)

    def join(match):
        plain = re.sub(r"\s*\n\s*", " ", match.group(1)).strip()
        if len(plain) < 85:
            return f"[{plain}]"
        outer = re.search(r"\n( *)$", match.group(1)).group(1)
        inner = outer + "  "
        return "[\n" + textwrap.fill(plain, 110, initial_indent=inner, subsequent_indent=inner) + "\n" + outer + "]"

    return re.sub(r"\[([^\[\]{}]*)\]", join, text) + "\n"


def report():
    print("| model | parameters | MFLOPs per item | accuracy | ms at batch 1, one thread |")
    print("|---|---:|---:|---:|---:|")
    specs = {task["name"]: task for task in read_manifest()["tasks"]}
    for entry in read_manifest()["architectures"]:
        latency_ms = measure_latency_ms(ZOO / entry["file"], ZOO / specs[entry["task"]]["validation"]["inputs"]["file"],
                                        specs[entry["task"]]["input"])
        print(
            f"| {entry['name']} | {entry['parameterCount']:,} | {entry['flopsPerItem'] / 1e6:.4g} "
            f"| {entry['accuracy']:.4f} | {latency_ms:.3f} |"
        )


def measure_latency_ms(path, inputs, spec, seconds=1.0):
    """The median time of one run at batch 1."""
    dtype = {"FP32": "<f4", "INT64": "<i8"}[spec["dtype"]]
    row = np.fromfile(inputs, dtype, int(np.prod(spec["shape"]))).reshape(1, *spec["shape"])
    session, times = open_session(path), []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        started = time.perf_counter()
        session.run([OUTPUT], {spec["name"]: row})
        times.append(time.perf_counter() - started)
    return float(np.median(times)) * 1000


if __name__ == "__main__":
    main(sys.argv[1:])
