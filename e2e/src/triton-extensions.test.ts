import { join } from "node:path";
import { Cluster, root } from "./cluster";
import { hasPython, installStockClient, runStockClient } from "./stock-client";

const task = "digit-classification/uci-digits";
const architecture = "digits-cnn-s";
const inputs = join(root, "zoo", task, "inputs.bin");

type Refusal = { readonly status: string; readonly message: string } | null;
type Answered = readonly [id: string | null, what: number | string];

interface Counts {
  readonly success: number;
  readonly fail: number;
  readonly rows: number;
  readonly times: readonly number[];
  readonly batches: number;
  readonly executions: number;
}

interface SharedMemorySeen {
  readonly status: Readonly<Record<string, unknown>>;
  readonly shape: readonly number[];
  readonly same: boolean;
  readonly small: Refusal;
  readonly twice: Refusal;
  readonly gone: Refusal;
  readonly left: object;
}

interface Seen {
  readonly streams: Readonly<Record<"ordered" | "withError" | "grpcError", readonly Answered[]>>;
  readonly before: Counts;
  readonly after: Counts;
  readonly sharedMemory: Readonly<Record<string, SharedMemorySeen>>;
  readonly cudaRegions: object;
  readonly cudaRegister: Refusal;
  readonly classes: { readonly shape: readonly number[]; readonly first: string; readonly agrees: boolean };
  readonly typed: boolean;
  readonly repository: {
    readonly ready: boolean;
    readonly state: readonly string[];
    readonly infer: Refusal;
    readonly task: number;
    readonly readyAgain: boolean;
    readonly stateAgain: readonly string[];
    readonly rows: number;
  };
  readonly trace: Readonly<Record<string, readonly string[]>>;
  readonly traceOfModel: Readonly<Record<string, readonly string[]>>;
  readonly traceCleared: Readonly<Record<string, readonly string[]>>;
  readonly traceFile: Refusal;
  readonly log: Readonly<Record<string, unknown>>;
  readonly logAgain: Readonly<Record<string, unknown>>;
  readonly logFile: Refusal;
}

/** One run of the unmodified Python client against whole processes; every test reads what it saw. */
function speaksExtensions(): void {
  let s: Seen;

  beforeAll(async () => {
    await installStockClient();
    const cluster = await Cluster.start({ zoo: `digits-logreg,${architecture}` });
    try {
      s = await runStockClient<Seen>("stock_extensions.py", [cluster.address, task, architecture, inputs]);
    } finally {
      await cluster.stop();
    }
  }, 480_000);

  it("streams in order, and goes on after an error that has its request's id", () => {
    expect(s.streams.ordered).toEqual(Array.from({ length: 20 }, (_, i) => [String(i), 1]));
    const [first, error, last] = s.streams.withError;
    expect([first, last]).toEqual([
      ["a", 1],
      ["c", 1],
    ]);
    expect(error).toEqual([null, expect.stringContaining("unknown model: 'cats'")]);
  });

  it("ends a stream with the status where it asked for that", () => {
    expect(s.streams.grpcError).toEqual([
      ["a", 1],
      ["StatusCode.NOT_FOUND", expect.stringContaining("unknown model: 'cats'")],
    ]);
  });

  it("reads exact statistics of what it streamed", () => {
    const grown = (name: "success" | "fail" | "rows") => s.after[name] - s.before[name];
    // "a" of the third stream was answered; "c" came after its end, and may or may not have been taken in.
    expect(grown("success")).toBeGreaterThanOrEqual(23);
    expect(grown("success") + grown("fail")).toBeLessThanOrEqual(24);
    expect(grown("rows")).toBe(grown("success"));
    expect(s.after.times).toEqual(Array(4).fill(s.after.success));
    expect(s.after.batches).toBe(s.after.executions);
  });

  it.each([task, architecture])("keeps input and output of %s in shared memory", (name) => {
    const seen = s.sharedMemory[name];
    expect(seen).toMatchObject({
      status: { stock_in: { key: "/stock_in" }, stock_out: { key: "/stock_out" } },
      shape: [4, 10],
      same: true,
      small: { status: "StatusCode.INVALID_ARGUMENT" },
      twice: { status: "StatusCode.ALREADY_EXISTS" },
      gone: { status: "StatusCode.NOT_FOUND" },
      left: {},
    });
    expect(seen?.small?.message).toContain("should be at least 160 bytes to hold the results");
  });

  it("is told that there is no GPU when it registers CUDA memory", () => {
    expect(s.cudaRegions).toEqual({});
    expect(s.cudaRegister).toMatchObject({ status: "StatusCode.INVALID_ARGUMENT" });
  });

  it("gets classes that agree with the scores", () => {
    expect(s.classes).toMatchObject({ shape: [4, 3], agrees: true });
    expect(s.classes.first).toMatch(/^-?\d+\.\d{6}:\d(:.+)?$/);
  });

  it("gets the same answer to typed contents", () => {
    expect(s.typed).toBe(true);
  });

  it("unloads and loads a model; the task goes on without it", () => {
    expect(s.repository).toMatchObject({
      ready: false,
      state: ["UNAVAILABLE", "unloaded"],
      infer: { status: "StatusCode.UNAVAILABLE" },
      task: 4,
      readyAgain: true,
      stateAgain: ["READY", ""],
      rows: 4,
    });
  });

  it("changes and clears trace settings, and is refused what cannot be changed", () => {
    expect(Object.keys(s.trace).sort()).toEqual([
      "log_frequency",
      "trace_count",
      "trace_file",
      "trace_level",
      "trace_rate",
    ]);
    expect(s.traceOfModel.trace_count).toEqual(["5"]);
    expect(s.traceCleared.trace_count).toEqual(["-1"]);
    expect(s.traceFile).toMatchObject({ status: "StatusCode.UNIMPLEMENTED" });
  });

  it("changes log settings", () => {
    expect(s.log).toMatchObject({ log_verbose_level: 1, log_info: true, log_error: true });
    expect(s.logAgain).toMatchObject({ log_verbose_level: 0 });
    expect(s.logFile).toMatchObject({ status: "StatusCode.UNIMPLEMENTED" });
  });
}

describe("tritonclient.grpc with Triton's extensions", () => {
  if (hasPython()) speaksExtensions();
  else it("is SKIPPED here: python3 with venv and pip was not found", () => expect(hasPython()).toBe(false));
});
