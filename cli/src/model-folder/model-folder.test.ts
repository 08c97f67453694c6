import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Code, ServiceError, VirtualClock } from "@infaas/runtime";
import { findModels } from "./find-models";
import { ModelFolder } from "./model-folder";

/** The first bytes of an ONNX file: the version of its format, and a graph without anything. */
const ONNX = Uint8Array.of(0x08, 8, 0x3a, 0);

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "infaas-models-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function put(path: string, content: Uint8Array | string = ONNX): string {
  const full = join(folder, path);
  mkdirSync(dirname(full), { recursive: true });
  writeFileSync(full, content);
  return full;
}

describe("findModels", () => {
  it("finds plain files, folders of one, and the newest version of Triton's layout", () => {
    const plain = put("a model.onnx");
    const single = put("bert/model.onnx");
    put("triton/2/model.onnx");
    const newest = put("triton/10/model.onnx");
    const named = put("named/1/net.onnx");
    put("named/config.pbtxt", 'default_model_filename: "net.onnx"');
    put("README.md", "text");
    put(".hidden/1/model.onnx");
    const { models, faults } = findModels(folder);
    expect(models.map(({ name, path }) => [name, path])).toEqual([
      ["a-model", plain],
      ["bert", single],
      ["named", named],
      ["triton", newest],
    ]);
    expect(faults).toEqual([]);
  });

  it("says why an entry is not served, and serves the others", () => {
    put("good.onnx");
    put("good/1/model.onnx");
    put("plan/1/model.plan");
    put("python/config.pbtxt", 'backend: "python"');
    put("bad name/1/model.onnx");
    const { models, faults } = findModels(folder);
    expect(models.map(({ name }) => name)).toEqual(["good"]);
    expect(faults).toEqual([
      expect.stringMatching(/bad name is not served: model name/),
      expect.stringMatching(/good\.onnx is not served: .*good.1.model\.onnx has its name, good/),
      expect.stringMatching(/plan is not served: there is no .*1.model\.onnx/),
      expect.stringMatching(/python.config\.pbtxt is not served: it is of 'python'/),
    ]);
  });

  it("has another signature whenever a file of a model is written", () => {
    const signature = () => findModels(folder).models[0]?.signature;
    put("m/1/model.onnx");
    const first = signature();
    expect(signature()).toBe(first);
    put("m/1/weights.bin", "weights");
    const second = signature();
    put("m/config.pbtxt", 'name: "m"');
    expect(new Set([first, second, signature()]).size).toBe(3);
  });
});

describe("ModelFolder", () => {
  let said: string[];
  let notes: string[];
  let failure: ServiceError | null;
  beforeEach(() => {
    [said, notes, failure] = [[], [], null];
  });

  function open(clock: VirtualClock, catalog: readonly string[] = []): ModelFolder {
    return new ModelFolder({
      folder,
      record: join(folder, ".record.json"),
      clock,
      client: {
        delete: async (name) => {
          said.push(`delete ${name}`);
          return undefined as never;
        },
        listModels: async () => ({ architectures: catalog.map((name) => ({ name })) }) as never,
      },
      register: async ({ name }) => {
        said.push(`register ${name}`);
        if (failure !== null) throw failure;
      },
      note: (line) => void notes.push(line),
    });
  }

  it("registers what lies there, follows what comes and goes, and ends", async () => {
    const clock = new VirtualClock();
    put("first.onnx");
    const models = open(clock);
    const served = models.serve();
    await clock.advance(4_000);
    await served;
    expect(said).toEqual(["register first"]);
    models.watch();
    put("second/1/model.onnx");
    await clock.advance(4_000);
    rmSync(join(folder, "first.onnx"));
    await clock.advance(4_000);
    expect(said).toEqual(["register first", "register second", "delete first"]);
    const ended = models.stop();
    await clock.advance(0);
    await ended;
  });

  it("goes on after a restart: what is registered stays, what was removed meanwhile is deleted, what was lost comes again", async () => {
    const clock = new VirtualClock();
    for (const name of ["kept", "removed", "lost"]) put(`${name}.onnx`);
    const served = open(clock).serve();
    await clock.advance(4_000);
    await served;
    said.length = 0;
    rmSync(join(folder, "removed.onnx"));
    const next = open(clock, ["kept", "removed"]);
    const again = next.serve();
    await clock.advance(4_000);
    await again;
    expect(said.sort()).toEqual(["delete removed", "register lost"]);
  });

  it("tells what is refused once, and tries it again when it changes", async () => {
    const clock = new VirtualClock();
    failure = new ServiceError(Code.INVALID_ARGUMENT, "no such model");
    put("bad.onnx");
    const models = open(clock);
    const served = models.serve();
    await clock.advance(4_000);
    await served;
    models.watch();
    await clock.advance(60_000);
    expect(notes).toEqual([expect.stringMatching(/bad\.onnx: no such model; tried again when it changes/)]);
    failure = null;
    put("new.onnx", Uint8Array.of(...ONNX, 0x08, 8));
    renameSync(join(folder, "new.onnx"), join(folder, "bad.onnx"));
    await clock.advance(4_000);
    expect(said).toEqual(["register bad", "register bad"]);
  });

  it("tries again what nobody answered, and refuses what is no ONNX file before anything is sent", async () => {
    const clock = new VirtualClock();
    failure = new ServiceError(Code.UNAVAILABLE, "nobody is there");
    put("late.onnx");
    put("text.onnx", "<!DOCTYPE html><html></html>");
    const models = open(clock);
    const served = models.serve();
    await clock.advance(4_000);
    await served;
    models.watch();
    failure = null;
    await clock.advance(12_000);
    expect(said).toEqual(["register late", "register late"]);
    expect(notes).toContainEqual(expect.stringMatching(/text\.onnx is a web page/));
  });

  it("deletes nothing while the folder itself is away", async () => {
    const clock = new VirtualClock();
    put("one.onnx");
    const models = open(clock);
    const served = models.serve();
    await clock.advance(4_000);
    await served;
    models.watch();
    renameSync(folder, `${folder}-away`);
    await clock.advance(60_000);
    renameSync(`${folder}-away`, folder);
    await clock.advance(10_000);
    expect(said).toEqual(["register one"]);
    expect(notes.filter((note) => note.includes("what is served stays"))).toHaveLength(1);
  });
});
