import type { Cluster } from "../cluster";
import { fuzzCluster, fuzzedSystem, startFuzzedCluster } from "./fuzz-cluster";
import type { FuzzedFace } from "./fuzz-run";
import type { FuzzedSystem } from "./fuzzed-system";
import { GrpcFace } from "./grpc-face";
import { HttpFace } from "./http/http-face";
import { OnnxFace, onnxInFlight, onnxLimits } from "./onnx/onnx-face";

const usage = `usage: main.js FACE COUNT [SEED [FROM]]
  FACE   native (gRPC), grpc-js, http, or onnx (registration)
  COUNT  operations, one in eleven of them good
  SEED   decides with an operation's number what it is, 1 unless given
  FROM   number of the first: "main.js FACE 1 SEED NUMBER" brings one operation back
`;
const inFlight = 64;
const connections = 8;

interface Face {
  readonly environment: Readonly<Record<string, string>>;
  /** Operations at a time; default 64. */
  readonly inFlight?: number;
  open(system: FuzzedSystem): FuzzedFace;
}

const faces: Readonly<Record<string, Face>> = {
  native: {
    environment: { INFAAS_INGRESS: "native" },
    open: (system) => new GrpcFace(system, "native", connections),
  },
  "grpc-js": {
    environment: { INFAAS_INGRESS: "grpc" },
    open: (system) => new GrpcFace(system, "grpc-js", connections),
  },
  http: { environment: {}, open: (system) => new HttpFace(system) },
  onnx: { environment: onnxLimits, inFlight: onnxInFlight, open: (system) => new OnnxFace(system) },
};

/** Starts a system, fuzzes one of its faces, prints the report as JSON; see `usage`. */
async function main(words: readonly string[]): Promise<number> {
  const face = faces[words[0] ?? ""];
  const [count, seed, from] = [Number(words[1]), Number(words[2] ?? 1), Number(words[3] ?? 0)];
  if (face === undefined || ![count, seed, from].every(Number.isInteger) || count < 1) {
    process.stderr.write(usage);
    return 2;
  }
  const cluster = await startFuzzedCluster(face.environment);
  let status = 1;
  try {
    status = await report(cluster, face, { count, seed, from, inFlight: face.inFlight ?? inFlight });
  } finally {
    const keep = status !== 0;
    await cluster.stop({ keep });
    if (keep) process.stderr.write(`logs and state are kept in ${cluster.folder}\n`);
  }
  return status;
}

async function report(
  cluster: Cluster,
  face: Face,
  plan: Parameters<typeof fuzzCluster>[2],
): Promise<number> {
  const found = await fuzzCluster(cluster, face.open(await fuzzedSystem(cluster)), plan);
  process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  return found.faults.length + found.restarted.length === 0 ? 0 : 1;
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
