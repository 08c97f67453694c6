import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cluster, root } from "../cluster";
import { echoModel } from "../onnx-file";
import { hasPython } from "../python-environment";
import { installStockClient, runStockClient } from "../stock-client";
import { type DatatypesSeen, datatypes, describeDatatypes } from "./datatypes";
import type { Face } from "./face";
import { describeManagement, type ManagementSeen } from "./management";
import { architecture, task } from "./programs";
import { describeQueries, type QueriesSeen } from "./queries";
import { describeStreams, type StreamsSeen } from "./streams";

const zoo = (...path: string[]) => join(root, "zoo", ...path);
const inputs = zoo(task, "inputs.bin");
const faces: readonly Face[] = ["grpc", "http"];
const programsMaxMs = 480_000;

/** Methods of the clients that no program calls, with the reason. */
const uncalled: Readonly<Record<string, string>> = {};

/** Reports of the programs on one server. */
interface FaceSeen {
  readonly queries: QueriesSeen;
  readonly management: ManagementSeen;
  readonly datatypes: DatatypesSeen;
}

/** Runs the unmodified Python client against one system of real processes; the tests read its reports. */
function speaksStock(): void {
  const byFace = new Map<Face, FaceSeen>();
  let streams: StreamsSeen;
  const seen = (face: Face) => {
    const found = byFace.get(face);
    if (found === undefined) throw new Error(`the programs of ${face} did not end`);
    return found;
  };

  beforeAll(async () => {
    await installStockClient();
    const folder = mkdtempSync(join(tmpdir(), "infaas-tritonclient-"));
    const echo = join(folder, "echo.onnx");
    const typedEcho = join(folder, "typed.onnx");
    const scalars = ["FP32", "INT64", "BYTES"] as const;
    writeFileSync(echo, echoModel(datatypes, scalars));
    const typed = datatypes.filter((datatype) => datatype !== "FP16" && datatype !== "BF16");
    writeFileSync(typedEcho, echoModel(typed, scalars));
    const cluster = await Cluster.start({ zoo: `digits-logreg,${architecture}` });
    const run = async (face: Face) => {
      const at = [face, face === "grpc" ? cluster.address : cluster.httpAddress];
      const named = [...at, task, architecture, inputs];
      byFace.set(face, {
        queries: await runStockClient("stock_queries.py", [...named, zoo(task, "labels.bin")]),
        management: await runStockClient("stock_management.py", [
          ...named,
          zoo("models", "digits-logreg.onnx"),
        ]),
        datatypes: await runStockClient("stock_datatypes.py", [...at, echo, typedEcho]),
      });
    };
    try {
      for (const face of faces) await run(face);
      const named = [task, architecture, seen("grpc").queries.variant, inputs];
      streams = await runStockClient("stock_streams.py", [cluster.address, cluster.httpAddress, ...named]);
    } finally {
      await cluster.stop();
      rmSync(folder, { recursive: true });
    }
  }, programsMaxMs);

  describe.each(faces)("over %s", (face) => {
    describe("queries", () => describeQueries(face, () => seen(face).queries));
    describe("operates", () => describeManagement(face, () => seen(face).management));
    describe("sends every datatype", () => describeDatatypes(face, () => seen(face).datatypes));
  });

  describe("streams", () => describeStreams(() => streams));

  it.each([
    ["tritonclient.grpc", () => [...calledOver("grpc"), ...streams.called]],
    ["tritonclient.http", () => calledOver("http")],
    ["tritonclient.grpc.aio", () => streams.grpcAio.called],
    ["tritonclient.http.aio", () => streams.httpAio.called],
  ])("has called every method of %s", (module, called) => {
    const known = new Set([...called(), ...Object.keys(uncalled)]);
    const methods = streams.methods[module] ?? [];
    expect(methods.length).toBeGreaterThan(20);
    expect(methods.filter((method) => !known.has(method))).toEqual([]);
  });

  function calledOver(face: Face): readonly string[] {
    const { queries, management, datatypes: sent } = seen(face);
    return [...queries.called, ...management.called, ...sent.called];
  }
}

describe("tritonclient, as PyPI has it", () => {
  if (hasPython()) speaksStock();
  else it("is SKIPPED here: python3 with venv and pip was not found", () => expect(hasPython()).toBe(false));
});
