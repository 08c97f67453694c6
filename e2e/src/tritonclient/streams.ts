import { type Face, statusOf } from "./face";
import { architecture } from "./programs";

type Answered = readonly [id: string | null, what: number | string, isLast?: boolean | null];

interface AsyncioSeen {
  readonly shapes: readonly (readonly number[])[];
  readonly architecture: string;
  readonly isRegistered: boolean;
  readonly described: Readonly<Record<string, unknown>>;
  readonly operated: {
    readonly without: boolean;
    readonly again: boolean;
    readonly failures: readonly string[];
  };
  readonly stream: readonly string[] | null;
  readonly bodies: readonly unknown[] | null;
  readonly called: readonly string[];
}

/** Report of `stock_streams.py`. */
export interface StreamsSeen {
  readonly ordered: readonly Answered[];
  readonly withError: readonly Answered[];
  readonly grpcError: readonly Answered[];
  readonly final: readonly Answered[];
  readonly gzip: readonly Answered[];
  readonly needs: readonly Answered[];
  readonly givenUp: boolean;
  readonly outOfTime: string;
  readonly called: readonly string[];
  readonly grpcAio: AsyncioSeen;
  readonly httpAio: AsyncioSeen;
  readonly methods: Readonly<Record<string, readonly string[]>>;
}

/** Streams of gRPC, and the asyncio clients of both faces. */
export function describeStreams(seen: () => StreamsSeen): void {
  const unknown = expect.stringContaining("unknown model: 'cats'");

  it("streams in order, and goes on after an error that has its request's id", () => {
    expect(seen().ordered).toEqual(Array.from({ length: 20 }, (_, i) => [String(i), 1, null]));
    expect(seen().withError).toEqual([
      ["a", 1, null],
      [null, unknown],
      ["c", 1, null],
      ["d", 1, null],
    ]);
  });

  it("ends a stream with the status where it asked for that", () => {
    expect(seen().grpcError).toEqual([
      ["a", 1, null],
      ["StatusCode.NOT_FOUND", unknown],
    ]);
  });

  it("is told which answer is a request's last where it asked for that", () => {
    expect(seen().final).toEqual([
      ["a", 1, true],
      ["b", 1, true],
    ]);
  });

  it("may compress a stream, and state requirements in it", () => {
    expect([seen().gzip, seen().needs]).toEqual(Array(2).fill([["a", 1, null]]));
  });

  it("gives streams up, and bounds them by a timer", () => {
    expect(seen().givenUp).toBe(true);
    expect(seen().outOfTime).toBe("StatusCode.DEADLINE_EXCEEDED");
  });

  describe.each<[Face, "grpcAio" | "httpAio"]>([
    ["grpc", "grpcAio"],
    ["http", "httpAio"],
  ])("by asyncio over %s", (face, which) => {
    it("asks several at once, with a plugin that adds a requirement", () => {
      const { shapes, architecture: accurate, isRegistered } = seen()[which];
      expect(shapes).toEqual(Array(4).fill([1, 10]));
      expect([accurate, isRegistered]).toEqual([architecture, true]);
    });

    it("reads what is described", () => {
      expect(seen()[which].described).toEqual({
        is_server_live: true,
        is_server_ready: true,
        is_model_ready: [true, true, true],
        get_server_metadata: "infaas",
        get_model_metadata: architecture,
        get_model_config: true,
        get_model_repository_index: true,
        get_inference_statistics: 1,
      });
    });

    it("operates", () => {
      const failures = Array(2).fill(statusOf(face, "INVALID_ARGUMENT"));
      expect(seen()[which].operated).toEqual({ without: false, again: true, failures });
    });
  });

  it("streams, or makes bodies, by asyncio", () => {
    expect(seen().grpcAio.stream).toEqual(["a", unknown, "c"]);
    expect(seen().httpAio.bodies).toEqual([true, "m"]);
  });
}
