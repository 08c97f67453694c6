import {
  type ByteSource,
  EXTERNAL_FILES_MAX,
  externalDataFault,
  externalNameFault,
  externalNames,
  externalNamesInTurns,
} from "./onnx-external-data";

type Field = readonly [number: number, value: number | string | Buffer];

function message(...fields: readonly Field[]): Buffer {
  return Buffer.concat(
    fields.map(([number, value]) => {
      if (typeof value === "number") return Buffer.concat([varint(number * 8), varint(value)]);
      const bytes = Buffer.from(value);
      return Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
    }),
  );
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) + 128);
  }
}

function external(location: string): Buffer {
  return message(
    [8, "w"],
    [13, message([1, "location"], [2, location])],
    [13, message([1, "offset"], [2, "4096"])],
    [14, 1],
  );
}

class Bytes implements ByteSource {
  reads = 0;
  constructor(
    private readonly bytes: Buffer,
    readonly size = bytes.length,
  ) {}
  read(offset: number, length: number): Uint8Array {
    this.reads += 1;
    return this.bytes.subarray(offset, offset + length);
  }
}

describe("externalNames", () => {
  it("tells names of bodies and functions, for which engines want files of their own", () => {
    const body = message([5, external("body.bin")]);
    const ifNode = message([5, message([1, "then_branch"], [6, body])]);
    const graph = message([1, ifNode], [5, external("top.bin")]);
    const constant = message([5, message([1, "value"], [5, external("function.bin")])]);
    const found = externalNames(new Bytes(message([7, graph], [25, message([7, constant])])));
    expect(found).toEqual({
      ok: true,
      names: ["body.bin", "top.bin", "function.bin"],
      inner: ["body.bin", "function.bin"],
    });
  });

  it.each([
    ["./w.bin", "w.bin"],
    ["a/./w.bin", "a/w.bin"],
    [".", "."],
    ["../w.bin", "../w.bin"],
    ["\ufeffw.bin", "\ufeffw.bin"],
  ])("reads the location %j as %j", (location, name) => {
    const found = externalNames(new Bytes(message([7, message([5, external(location)])])));
    expect(found).toMatchObject({ ok: true, names: [name] });
  });

  it("refuses tags beyond 32 bits, which other readers take for a field", () => {
    const tensor = external("../of/another");
    for (const level of [0, 1]) {
      const wide = Buffer.concat([varint(2 ** 32 + 5 * 8 + 2), varint(tensor.length), tensor]);
      const graph =
        level === 0
          ? message([7, wide])
          : Buffer.concat([varint(2 ** 34 + 7 * 8 + 2), varint(2), Buffer.alloc(2)]);
      expect(externalNames(new Bytes(graph))).toMatchObject({
        ok: false,
        fault: expect.stringContaining("a broken tag at byte"),
      });
    }
    const entry = Buffer.concat([
      varint(2 ** 32 + 10),
      varint(8),
      Buffer.from("location"),
      message([2, "../x"]),
    ]);
    expect(externalNames(new Bytes(message([7, message([5, message([13, entry])])])))).toMatchObject({
      ok: false,
    });
  });

  it("refuses a location that is no UTF-8", () => {
    const entry = message([1, "location"], [2, Buffer.from([0x77, 0xff])]);
    const found = externalNames(new Bytes(message([7, message([5, message([13, entry])])])));
    expect(found).toMatchObject({ ok: false, fault: expect.stringContaining("no UTF-8") });
  });

  it("finds names in constants, attributes, bodies and functions, each once", () => {
    const body = message([5, external("body.bin")]);
    const node = message(
      [4, "If"],
      [5, message([1, "then_branch"], [6, body])],
      [5, message([1, "value"], [5, external("value.bin")])],
      [5, message([1, "sparse"], [22, message([1, external("sparse.bin")])])],
    );
    const graph = message(
      [1, node],
      [5, external("weights/a.bin")],
      [5, external("weights/a.bin")],
      [5, message([8, "inline"], [9, Buffer.alloc(100)])],
    );
    const inFunction = message([7, message([5, message([10, external("function.bin")])])]);
    const model = message([1, 8], [7, graph], [25, inFunction]);
    expect(externalNames(new Bytes(model))).toEqual({
      ok: true,
      names: ["body.bin", "value.bin", "sparse.bin", "weights/a.bin", "function.bin"],
      inner: ["body.bin", "function.bin"],
    });
  });

  it("reads past weights without reading them", () => {
    const weights = message([5, message([8, "big"], [9, Buffer.alloc(8_000_000)])]);
    const source = new Bytes(message([7, Buffer.concat([weights, message([5, external("late.bin")])])]));
    expect(externalNames(source)).toEqual({ ok: true, names: ["late.bin"], inner: [] });
    expect(source.reads).toBeLessThan(8);
  });

  it.each([
    ["bytes that are no protobuf", Buffer.from("this is no model at all")],
    ["half a file", message([7, Buffer.alloc(100)]).subarray(0, 50)],
    ["a field beyond its message", message([7, Buffer.from([0x2a, 9, 0])])],
  ])("refuses %s", (_, bytes) => {
    expect(externalNames(new Bytes(bytes))).toMatchObject({ ok: false });
  });

  it("refuses nesting without end and names without end", () => {
    let graph = message([2, "innermost"]);
    for (let depth = 0; depth < 100; depth++) graph = message([1, message([5, message([6, graph])])]);
    expect(externalNames(new Bytes(message([7, graph])))).toMatchObject({
      fault: expect.stringContaining("nested deeper than 256"),
    });
    const many = Array.from({ length: EXTERNAL_FILES_MAX + 1 }, (_, i): Field => [5, external(`${i}.bin`)]);
    expect(externalNames(new Bytes(message([7, message(...many)])))).toMatchObject({
      fault: expect.stringContaining("more than 4096 files"),
    });
  });
});

describe("externalNameFault", () => {
  it.each(["model.onnx_data", "weights/layer 0/ünï'code.bin", ".hidden", "..data"])("allows %j", (name) => {
    expect(externalNameFault(name)).toBeNull();
  });

  it.each(["", "/etc/passwd", "../up", "a/../../b", "a//b", "a/", ".", "a\\b", "C:evil", "zero\0"])(
    "refuses %j",
    (name) => {
      expect(externalNameFault(name)).toContain("external data file");
    },
  );

  it("refuses a name beyond the limit, with both", () => {
    expect(externalNameFault("n".repeat(256))).toContain("256 characters, allowed are 255");
  });
});

describe("externalDataFault", () => {
  it("refuses names that cannot lie beside each other", () => {
    const faultOf = (...names: string[]) => externalDataFault(names.map((name) => ({ name })));
    expect(faultOf("a", "b/a", "b/c")).toBeNull();
    expect(faultOf("a", "b", "a")).toBe('external data file "a" is given twice');
    expect(faultOf("a/b", "a")).toBe('external data file "a" is a folder of "a/b" too');
    expect(faultOf("../a")).toContain("no path below");
    expect(faultOf(...Array.from({ length: 4_097 }, (_, i) => `${i}`))).toContain("4097 external data files");
  });
});

describe("externalNamesInTurns", () => {
  const turnsOf = async (bytes: Buffer) => {
    let turns = 0;
    const found = await externalNamesInTurns(new Bytes(bytes), async () => {
      turns += 1;
    });
    return { found, turns };
  };

  it("finds what externalNames does, with turns for others between", async () => {
    const nodes = Buffer.alloc(2_000_000, message([1, ""]));
    const graph = Buffer.concat([nodes, message([5, external("w.bin")])]);
    const bytes = message([7, graph]);
    const { found, turns } = await turnsOf(bytes);
    expect(found).toEqual(externalNames(new Bytes(bytes)));
    expect(found).toMatchObject({ names: ["w.bin"] });
    expect(turns).toBeGreaterThan(3);
  });

  it("has turns between texts that are long", async () => {
    const entry = Buffer.concat(Array<Buffer>(600).fill(message([1, "k".repeat(60_000)])));
    const { found, turns } = await turnsOf(message([7, message([5, message([13, entry])])]));
    expect(found).toMatchObject({ ok: true, names: [] });
    expect(turns).toBeGreaterThan(1);
  });

  it("says what is no file of a model", async () => {
    expect((await turnsOf(Buffer.from("nonsense"))).found).toMatchObject({ ok: false });
  });
});
