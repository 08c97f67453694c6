import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  GRPCInferenceService,
  ModelInferRequestSchema,
  QueryRequestSchema,
  RepositoryModelLoadRequestSchema,
} from "@infaas/api";
import { plainCall } from "../fuzz/call-shape";
import { prefixed } from "../fuzz/message-prefix";
import { RawConnection } from "../fuzz/raw-connection";
import { elementTypes, onnxFile, tensor } from "../onnx-file";
import { finds } from "./finds";

/** One way into a process, and what its messages look like. */
export interface CostTarget {
  readonly name: string;
  readonly seeds: readonly Buffer[];
  /** Largest message that is tried. */
  readonly bytesMax: number;
  /** Resolves with how the message was answered, once it is. */
  send(bytes: Buffer): Promise<string>;
}

const MIB = 1024 ** 2;
/** Larger ones only show how fast memory is copied, which happens in turns. */
const MESSAGE_BYTES_MAX = 8 * MIB;
const JSON_BYTES_MAX = 4 * MIB;

function message<S extends DescMessage>(schema: S, init: MessageInitShape<S>): Buffer {
  return Buffer.from(toBinary(schema, create(schema, init)));
}

const input = { name: "x", datatype: "FP32", shape: [1n, 2n], contents: { fp32Contents: [1, 2] } };
const inferSeeds = [
  message(ModelInferRequestSchema, { modelName: "none", inputs: [input] }),
  message(ModelInferRequestSchema, {
    modelName: "none",
    inputs: [{ ...input, contents: { bytesContents: [Buffer.of(1)], int64Contents: [1n] } }],
    outputs: [{ name: "y" }],
    parameters: { priority: { parameterChoice: { case: "int64Param", value: 1n } } },
  }),
  message(ModelInferRequestSchema, { modelName: "none", rawInputContents: [Buffer.alloc(8)] }),
];
const onnxSeed = Buffer.from(
  onnxFile({
    name: "sum",
    node: [{ opType: "Add", input: ["x", "w"], output: ["y"] }],
    initializer: [{ name: "w", dataType: elementTypes.FP32, dims: [2n], floatData: [1, 2] }],
    input: [tensor("x", elementTypes.FP32, ["n", 2])],
    output: [tensor("y", elementTypes.FP32, ["n", 2])],
  }),
);
const jsonSeeds = [
  { inputs: [{ name: "x", datatype: "FP32", shape: [1, 2], data: [1.5, 2] }] },
  { inputs: [{ name: "x", datatype: "BYTES", shape: [2], data: ["a", "b"], parameters: { p: 1 } }] },
  { id: "1", parameters: { a: true, "slo-latency": 5 }, outputs: [{ name: "y" }], inputs: [] },
  { inputs: [{ name: "x", datatype: "INT64", shape: [1, 1], data: [[12345678901]] }] },
].map((fields) => Buffer.from(JSON.stringify(fields)));

/** Where a frontend is served. */
export interface Served {
  /** host:port of its gRPC server. */
  readonly address: string;
  readonly httpAddress: string;
}

function httpTarget({ httpAddress }: Served, path: string, seeds: readonly Buffer[]): CostTarget {
  return {
    name: `HTTP ${path}`,
    seeds,
    bytesMax: JSON_BYTES_MAX,
    send: async (bytes) => {
      const answer = await fetch(`http://${httpAddress}${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: new Uint8Array(bytes),
      });
      return `${answer.status} ${await answer.text()}`;
    },
  };
}

const inferPath = "/v2/models/none/infer";

/** The largest body of numbers alone: what costs of other messages are compared with. */
export function numbersTarget(served: Served): CostTarget {
  const count = 2_000_000;
  const data = `${"7,".repeat(count - 1)}7`;
  const input = `{"name":"x","datatype":"FP32","shape":[${count}],"data":[${data}]}`;
  return httpTarget(served, inferPath, [Buffer.from(`{"inputs":[${input}]}`)]);
}

/** Every way that callers without a role but query have into a frontend, and the one of model files. */
export function costTargets(served: Served): { targets: readonly CostTarget[]; close(): void } {
  const connection = new RawConnection(served.address);
  const grpc = (path: string, schemas: readonly Buffer[]): CostTarget => ({
    name: `gRPC ${path.slice(path.lastIndexOf("/") + 1)}`,
    seeds: [...schemas, ...finds.protobuf],
    bytesMax: MESSAGE_BYTES_MAX,
    send: async (bytes) => {
      const { code, message: why } = await connection.call(plainCall(path, prefixed(bytes)));
      return `${code} ${why}`;
    },
  });
  const http = (path: string, seeds: readonly Buffer[]) =>
    httpTarget(served, path, [...seeds, ...finds.json]);
  const inference = `/${GRPCInferenceService.typeName}`;
  const load = grpc(`${inference}/RepositoryModelLoad`, []);
  const onnx: CostTarget = {
    ...load,
    name: "ONNX RepositoryModelLoad",
    seeds: [onnxSeed, ...finds.onnx],
    send: (bytes) => {
      const file = { parameterChoice: { case: "bytesParam" as const, value: new Uint8Array(bytes) } };
      const parameters = { "file:1/model.onnx": file };
      return load.send(message(RepositoryModelLoadRequestSchema, { modelName: "none", parameters }));
    },
  };
  const query = message(QueryRequestSchema, { target: "none", inputs: [input], slo: {} });
  const targets = [
    grpc(`${inference}/ModelInfer`, inferSeeds),
    grpc(`${inference}/ModelStreamInfer`, inferSeeds),
    grpc(`${inference}/RepositoryIndex`, [Buffer.from([0x12, 1, 0x61])]),
    grpc("/infaas.v1.InferenceService/Query", [query]),
    http(inferPath, jsonSeeds),
    http("/v2/repository/index", [Buffer.from('{"ready":true}')]),
    onnx,
  ];
  return { targets, close: () => connection.close() };
}
