import { type Face, type Refused, refusedWith } from "./face";
import { architecture, task } from "./programs";

interface Answered {
  readonly model: string;
  readonly version: string;
  readonly id: string;
  readonly outputs: readonly string[];
  readonly shape: readonly number[];
  readonly parameters: Readonly<Record<string, unknown>>;
}

interface Described {
  readonly name: string;
  readonly versions: readonly string[];
  readonly inputs: readonly { readonly shape: readonly (string | number)[] }[];
}

interface Counted {
  readonly name: string;
  readonly version: string;
  readonly success: number;
  readonly times: readonly number[];
  readonly batches: number;
  readonly executions: number;
  readonly grown: { readonly success: number; readonly fail: number; readonly rows: number };
}

/** Report of `stock_queries.py`. */
export interface QueriesSeen {
  readonly live: boolean;
  readonly ready: boolean;
  readonly modelsReady: readonly boolean[];
  readonly extensions: readonly string[];
  readonly metadata: Readonly<Record<string, Described>>;
  readonly config: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly index: readonly (readonly [name: string, version: string, state: string])[];
  readonly variant: string;
  readonly answers: Readonly<Record<string, Answered>>;
  readonly byTask: Answered;
  readonly chosenOutput: readonly string[];
  readonly async: readonly (readonly number[])[];
  readonly cancelled: string | null;
  readonly late: Refused;
  readonly byHand: number | null;
  readonly correct: number;
  readonly farthestFromAlone: number;
  readonly farthestInJson: number;
  readonly needsAsNumbers: Readonly<Record<string, unknown>>;
  readonly needsAsText: Readonly<Record<string, unknown>>;
  readonly needsAsHeaders: Readonly<Record<string, unknown>>;
  /** Rows answered of 9,999 in one request. */
  readonly manyRows: number;
  readonly protocolParameters: readonly number[];
  readonly sequence: readonly number[];
  readonly sequenceByName: readonly number[];
  readonly gzip: readonly number[];
  readonly deflate: readonly number[];
  readonly counted: Readonly<Record<string, Counted>>;
  readonly allStatistics: readonly string[];
  readonly classes: readonly {
    readonly shape: readonly number[];
    readonly first: string;
    readonly agrees: boolean;
  }[];
  readonly refusals: Readonly<Record<string, Refused>>;
  readonly called: readonly string[];
}

/**
 * Refusal of each misuse: the canonical code, and the part of the message that says what came or is allowed.
 */
const refused: readonly (readonly [string, string, string])[] = [
  ["unknown model", "NOT_FOUND", "Request for unknown model: 'cats' is not found"],
  ["unknown version", "NOT_FOUND", "version 9 is not found"],
  ["version no number", "INVALID_ARGUMENT", "model version is 'latest'"],
  ["wrong shape", "INVALID_ARGUMENT", "shape is [1, 3], the model takes [-1, 1, 8, 8]"],
  ["wrong type", "INVALID_ARGUMENT", "datatype is FP64, the model takes FP32"],
  ["wrong input", "INVALID_ARGUMENT", "sound"],
  ["wrong output", "INVALID_ARGUMENT", "output mood is unknown, the model has logits"],
  ["wrong requirement", "INVALID_ARGUMENT", "slo_latency_ms is 'soon'; allowed: a number above 0"],
  ["impossible", "FAILED_PRECONDITION", "accepted would be: with other accuracy"],
  ["statistics of unknown", "NOT_FOUND", "unknown model: 'cats'"],
];

/** Queries by every kind of name, with all that a query may carry. */
export function describeQueries(face: Face, seen: () => QueriesSeen): void {
  it("finds server and models ready, and the extensions it looks for", () => {
    const s = seen();
    expect([s.live, s.ready, ...s.modelsReady]).toEqual(Array(7).fill(true));
    expect(s.extensions).toEqual(expect.arrayContaining(["statistics", "binary_tensor_data"]));
  });

  it("reads metadata and config of task, architecture and variant as of any model", () => {
    const { metadata, config, variant } = seen();
    expect(Object.keys(metadata).sort()).toEqual(
      [task, "digit-classification", architecture, variant].sort(),
    );
    for (const [name, described] of Object.entries(metadata)) {
      expect(described).toMatchObject({ name, versions: ["1"] });
      expect(described.inputs[0]?.shape.map(Number)).toEqual([-1, 1, 8, 8]);
      expect(config[name]).toMatchObject({
        name,
        input: [{ name: "image", data_type: "TYPE_FP32" }],
        output: [{ name: "logits" }],
        dynamic_batching: expect.any(Object),
      });
      expect(Number(config[name]?.max_batch_size)).toBeGreaterThan(1);
    }
    expect(config[variant]).toMatchObject({ instance_group: [{ kind: "KIND_CPU" }] });
  });

  it("lists task, architecture and variant, each with a version that is a number as text", () => {
    const { index, variant } = seen();
    const versions = new Map(index.map(([name, version]) => [name, version]));
    for (const name of [task, architecture, variant]) expect(versions.get(name)).toMatch(/^\d+$/);
  });

  it("is answered by task, architecture and variant under the name it used", () => {
    const { answers, byTask, chosenOutput, variant } = seen();
    for (const [model, answer] of Object.entries(answers))
      expect(answer).toMatchObject({ model, version: "1", id: "", outputs: ["logits"], shape: [1, 10] });
    expect(byTask).toMatchObject({ model: task, version: "1", id: "q-7", shape: [16, 10] });
    expect(answers[variant]).toMatchObject({ parameters: { variant } });
    expect(chosenOutput).toEqual(["logits"]);
  });

  it("asks several at once", () => expect(seen().async).toEqual(Array(4).fill([1, 10])));

  it("gets right answers, the same alone as in a batch, and in JSON where there is JSON", () => {
    const { correct, farthestFromAlone, farthestInJson } = seen();
    expect(correct).toBeGreaterThanOrEqual(13);
    expect(farthestFromAlone).toBeLessThan(1e-5);
    expect(farthestInJson).toBeLessThan(1e-5);
  });

  it("finds the receipt in the answer's parameters", () => {
    const { parameters } = seen().byTask;
    for (const name of ["queue_ms", "compute_ms", "total_ms", "cost", "accuracy", "batch_size"])
      expect(parameters[name]).toEqual(expect.any(Number));
    const told = { accuracy_dataset: "uci-digits/last-797", downgraded: false, executor: "executor-1" };
    expect(parameters).toMatchObject(told);
  });

  it("states requirements as numbers, as text and as headers", () => {
    const s = seen();
    for (const parameters of [s.needsAsNumbers, s.needsAsText, s.needsAsHeaders])
      expect(parameters).toMatchObject({ architecture });
    expect(s.byTask.parameters).toMatchObject({ architecture: "digits-logreg" });
  });

  it("may send priority and timeout, and sequences, which mean nothing to models without state", () => {
    const { protocolParameters, sequence, sequenceByName } = seen();
    expect([protocolParameters, sequence, sequenceByName]).toEqual(Array(3).fill([1, 10]));
  });

  it("may compress", () => expect([seen().gzip, seen().deflate]).toEqual(Array(2).fill([1, 10])));

  it("reads exact statistics of every kind of name, under that name", () => {
    const { counted, allStatistics, variant } = seen();
    for (const [name, count] of Object.entries(counted)) {
      expect(count).toMatchObject({ name, version: "1", grown: { success: 1, fail: 1, rows: 3 } });
      expect(count.times).toEqual(Array(4).fill(count.success));
      expect(count.batches).toBe(count.executions);
    }
    expect(Object.keys(counted)).toHaveLength(4);
    expect(allStatistics).toEqual(expect.arrayContaining([task, architecture, variant]));
  });

  it("gets the best classes instead of scores", () => {
    for (const classes of seen().classes) {
      expect(classes).toMatchObject({ shape: [4, 3], agrees: true });
      expect(classes.first).toMatch(/^-?\d+\.\d{6}:\d(:.+)?$/);
    }
  });

  if (face === "grpc") {
    it("gives a query up, and bounds one by its own timer", () => {
      expect(seen().cancelled).toBe("StatusCode.CANCELLED");
      expect(seen().late?.status).toBe("StatusCode.DEADLINE_EXCEEDED");
    });
  } else {
    it("is told what would be in time, and may send a body that something else carries", () => {
      expect(seen().late).toEqual(refusedWith(face, "FAILED_PRECONDITION", "with other latency"));
      expect(seen().byHand).toBeLessThan(1e-5);
    });
  }

  it("answers more rows in one request than any batch has", () => expect(seen().manyRows).toBe(9999));

  describe.each(refused)("when it tries %s", (name, code, sentence) => {
    it("is refused with a status and a sentence", () =>
      expect(seen().refusals[name]).toEqual(refusedWith(face, code, sentence)));
  });
}
