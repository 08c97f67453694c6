import { type Face, type Refused, refusedWith } from "./face";

type Kind = "task" | "architecture" | "variant";
type Settings = Readonly<Record<string, readonly string[]>>;
type Shown = readonly [maxBatch: number, preferred: readonly number[], delayUs: number, parameters: object];

interface SharedMemorySeen {
  readonly status: Readonly<Record<string, readonly [key: string, bytes: number]>>;
  readonly shape: readonly number[];
  readonly same: boolean;
  readonly small: Refused;
  readonly twice: Refused;
  readonly absent: Refused;
  readonly gone: Refused;
  readonly left: object;
}

/** Report of `stock_management.py`. */
export interface ManagementSeen {
  readonly sharedMemory: Readonly<Record<Kind, SharedMemorySeen>>;
  readonly cuda: { readonly regions: object; readonly register: Refused };
  readonly reloaded: Readonly<
    Record<
      Kind,
      {
        readonly without: {
          readonly ready: boolean;
          readonly state: readonly string[];
          readonly infer: Refused;
        };
        readonly again: { readonly ready: boolean; readonly state: readonly string[]; readonly rows: number };
      }
    >
  >;
  readonly otherwise: Readonly<
    Record<
      Kind,
      {
        readonly before: Shown;
        readonly loaded: Shown;
        readonly wide: number;
        readonly rows: number;
        readonly after: Shown;
        readonly wrong: Readonly<Record<string, Refused>>;
      }
    >
  >;
  readonly brought: Readonly<Record<string, unknown>>;
  readonly byExample: Readonly<Record<string, unknown>>;
  readonly settings: {
    readonly trace: Settings;
    readonly ofModel: Settings;
    readonly read: readonly string[];
    readonly cleared: Settings;
    readonly unknownModel: Refused;
    readonly fixed: Readonly<Record<string, Refused>>;
    readonly log: Readonly<Record<string, unknown>>;
    readonly logAgain: Readonly<Record<string, unknown>>;
    readonly logRead: Readonly<Record<string, unknown>>;
  };
  readonly plugins: readonly boolean[];
  readonly called: readonly string[];
}

const kinds: readonly Kind[] = ["task", "architecture", "variant"];

/** Tests of shared memory, loading and settings on one server. */
export function describeManagement(face: Face, seen: () => ManagementSeen): void {
  describe.each(kinds)("by the name of a %s", (kind) => {
    it("keeps input and output in system shared memory", () => {
      const invalid = (sentence: string) => refusedWith(face, "INVALID_ARGUMENT", sentence);
      const { left, ...shared } = seen().sharedMemory[kind];
      expect(shared).toEqual({
        status: { [`${face}_in`]: [`/${face}_in`, 1024], [`${face}_out`]: [`/${face}_out`, 160] },
        shape: [4, 10],
        same: true,
        small: invalid("should be at least 160 bytes to hold the results"),
        twice: refusedWith(face, "ALREADY_EXISTS", "already in manager"),
        absent: invalid("unable to open shared memory region"),
        gone: refusedWith(face, "NOT_FOUND", `${face}_in`),
      });
      expect(left).toEqual({});
    });

    it("unloads and loads", () => {
      expect(seen().reloaded[kind]).toEqual({
        without: {
          ready: false,
          state: ["UNAVAILABLE", "unloaded"],
          infer: refusedWith(face, "UNAVAILABLE", "it was unloaded"),
        },
        again: { ready: true, state: ["READY", ""], rows: 4 },
      });
    });

    it("loads as a config says, until it is loaded without one", () => {
      const { before, loaded, wide, rows, after, wrong } = seen().otherwise[kind];
      const told = { adapter: "image BYTES [-1]: JPEG, PNG or WebP", batching: "proven", owner: "me" };
      expect(loaded).toEqual([4, [2, 4], 1000, told]);
      // More rows than the largest batch run in pieces.
      expect(wide).toBe(8);
      expect(rows).toBe(4);
      expect(before[0]).toBeGreaterThan(4);
      expect(after).toEqual(before);
      const invalid = (sentence: string) => refusedWith(face, "INVALID_ARGUMENT", sentence);
      expect(wrong).toEqual({
        "too large": invalid("max_batch_size is 100000; accepted: 1 to"),
        "no meaning": invalid("config sets sequence_batching, which has no meaning here; accepted are"),
        "no config": invalid("config is no ModelConfig in JSON"),
      });
    });
  });

  it("brings a model with its load", () => {
    const invalid = (sentence: string) => refusedWith(face, "INVALID_ARGUMENT", sentence);
    expect(seen().brought).toEqual({
      names: [`brought-${face}`, `model/brought-${face}`],
      ready: true,
      maxBatch: 2,
      rows: 2,
      again: null,
      "other version": null,
      "no model": invalid("is no onnx model"),
      outside: invalid("is no path below the model's folder"),
    });
  });

  it("brings examples with its load, as NumPy saves them and as Triton names them", () => {
    const invalid = (sentence: string) => refusedWith(face, "INVALID_ARGUMENT", sentence);
    expect(seen().byExample).toEqual({
      npz: null,
      npy: null,
      warmup: null,
      rows: 4,
      wide: invalid("came as FP64 [4, 1, 8, 8], the model takes image FP32 [-1, 1, 8, 8]"),
      objects: invalid("pickled and not read; save it as strings"),
      short: invalid("it holds 1 elements of FP32, its shape is [1, 8, 8]"),
    });
  });

  it("is told that there is no GPU when it registers CUDA memory", () => {
    const { regions, register } = seen().cuda;
    expect(regions).toEqual({});
    expect(register).toEqual(refusedWith(face, "INVALID_ARGUMENT", "there is no GPU here"));
  });

  it("changes trace settings for all and by name, and clears them", () => {
    const { trace, ofModel, read, cleared, unknownModel } = seen().settings;
    expect(Object.keys(trace).sort()).toEqual(
      ["log_frequency", "trace_count", "trace_file", "trace_level", "trace_rate"].sort(),
    );
    expect(Object.values(ofModel)).toEqual([["5"], ["5"]]);
    expect(read).toEqual(["5"]);
    expect(Object.values(cleared)).toEqual([["-1"], ["-1"]]);
    expect(unknownModel).toEqual(refusedWith(face, "NOT_FOUND", "unknown model: 'cats'"));
  });

  it("is told why what is the operator's alone cannot be changed", () => {
    const not = (sentence: string) => refusedWith(face, "UNIMPLEMENTED", sentence);
    expect(seen().settings.fixed).toEqual({
      trace_file: not("start the frontend with --trace-file"),
      log_frequency: not("start the frontend with --trace-file"),
      tensors: not("traces carry no tensors"),
      log_file: not("can not be updated through network protocol"),
    });
  });

  it("changes log settings", () => {
    const { log, logAgain, logRead } = seen().settings;
    expect(log).toMatchObject({ log_verbose_level: 1, log_info: true, log_error: true });
    expect(logAgain).toMatchObject({ log_verbose_level: 0 });
    expect(logRead).toEqual(logAgain);
  });

  it("has plugins", () => expect(seen().plugins).toEqual([true, true, true]));
}
