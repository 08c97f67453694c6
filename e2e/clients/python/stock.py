"""What the programs that drive a frontend with the unmodified Triton client share: its two faces looking alike."""

import json

import numpy as np
import tritonclient.grpc
import tritonclient.http
from tritonclient.utils import InferenceServerException


class Recorded:
    """A client that notes which of its methods are called."""

    def __init__(self, client, called):
        self._client = client
        self._called = called

    def __getattr__(self, name):
        attribute = getattr(self._client, name)
        if callable(attribute):
            self._called.add(name)
        return attribute


class Face:
    """The stock client of one face, `grpc` or `http`, with what differs between the two in their answers."""

    def __init__(self, name, address, **options):
        self.module = {"grpc": tritonclient.grpc, "http": tritonclient.http}[name]
        self.is_grpc = name == "grpc"
        self.called = set()
        self.client = Recorded(self.module.InferenceServerClient(address, **options), self.called)

    def told(self, method, *words, **options):
        """What a method that describes something answers, as JSON."""
        as_json = {"as_json": True} if self.is_grpc else {}
        return getattr(self.client, method)(*words, **options, **as_json)

    def config(self, name, version=""):
        told = self.told("get_model_config", name, version)
        return told["config"] if self.is_grpc else told

    def index(self):
        told = self.told("get_model_repository_index")
        return told["models"] if self.is_grpc else told

    def regions(self, kind):
        """Registered regions of shared memory by name; `kind` is `system` or `cuda`."""
        told = self.told(f"get_{kind}_shared_memory_status")
        return told.get("regions", {}) if self.is_grpc else {region["name"]: region for region in told}

    def trace(self, told):
        """Trace settings by name, each a list of texts."""
        if not self.is_grpc:
            return {name: value if isinstance(value, list) else [value] for name, value in told.items()}
        return {name: list(value.value) for name, value in told.settings.items()}

    def log(self, told):
        if not self.is_grpc:
            return told
        return {n: getattr(v, v.WhichOneof("parameter_choice")) for n, v in told.settings.items()}

    def tensor(self, name, rows, datatype, binary=True):
        made = self.module.InferInput(name, list(rows.shape), datatype)
        made.set_data_from_numpy(rows, **({} if self.is_grpc else {"binary_data": binary}))
        return made

    def wanted(self, name, binary=True, **options):
        kind = {} if self.is_grpc else {"binary_data": binary}
        return self.module.InferRequestedOutput(name, **kind, **options)

    def receipt(self, result):
        if not self.is_grpc:
            return result.get_response()["parameters"]
        choices = result.get_response().parameters.items()
        return {name: getattr(value, value.WhichOneof("parameter_choice")) for name, value in choices}

    def head(self, result):
        """Name, version and id of an answer, and the names of its outputs."""
        response = result.get_response()
        if self.is_grpc:
            names = [output.name for output in response.outputs]
            return response.model_name, response.model_version, response.id, names
        names = [output["name"] for output in response["outputs"]]
        return response["model_name"], response["model_version"], response.get("id", ""), names


def refusal(call):
    """The status and sentence a call is refused with; None when it is answered."""
    try:
        call()
    except InferenceServerException as error:
        return {"status": error.status(), "message": error.message()}
    return None


def pixels_of(path, shape):
    """Rows of a validation set as floats."""
    return np.fromfile(path, np.float32).reshape([-1, *shape])


def tell(seen):
    """Prints what was seen as one JSON object."""
    print(json.dumps(seen, default=lambda value: sorted(value) if isinstance(value, set) else value.item()))
