"""Calls a frontend that asks for client certificates and tokens, which a plugin of the unmodified Triton client presents.

Usage: stock_secured.py FACE ADDRESS MODEL AUTHORITY CERTIFICATE KEY QUERY_TOKEN OPERATE_TOKEN
"""

import sys

import numpy as np
import tritonclient.grpc
from tritonclient.grpc.auth import BasicAuth

from stock import Face, refusal, tell

face_name, address, model, authority, certificate, key, query_token, operate_token = sys.argv[1:]
if face_name == "grpc":
    files = {"root_certificates": authority, "certificate_chain": certificate, "private_key": key}
    face = Face("grpc", address, ssl=True, **files)
else:
    files = {"ca_certs": authority, "certfile": certificate, "keyfile": key}
    face = Face("http", address, ssl=True, ssl_options=files)
client = face.client


class Token(tritonclient.grpc.InferenceServerClientPlugin):
    def __init__(self, token):
        self._headers = {"authorization": f"Bearer {token}"}

    def __call__(self, request):
        request.headers.update(self._headers)


def infer():
    return client.infer(model, [face.tensor("image", np.zeros([1, 1, 8, 8], np.float32), "FP32")])


def load(files=None):
    client.load_model(model, config="{}", files=files)


def tried(plugin):
    """What each call ends with for one who presents this."""
    if plugin is not None:
        client.register_plugin(plugin)
    seen = {
        "live": client.is_server_live(),
        "infer": refusal(infer),
        "load": refusal(load),
        "bring": refusal(lambda: load({"file:1/model.onnx": b""})),
    }
    if plugin is not None:
        client.unregister_plugin()
    return seen


tell(
    {
        "nobody": tried(None),
        "basic": tried(BasicAuth("user", "word")),
        "query": tried(Token(query_token)),
        "operate": tried(Token(operate_token)),
    }
)
client.close()
