import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { dense, doubling, endless } from "./models";

const root = join(__dirname, "..", "..", "..");
const timeoutMs = 20_000;

/** What became of a process. */
interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/**
 * Runs a program in a process of its own: `body` sees the package as `cb`, paths of models as `small`, `large` (which
 * runs for about a second a batch) and `endless` (which
 * runs until it is ended; `endlessUnwarmed` does not run when it is opened), and `open(path)`.
 */
function runProcess(body: string, ...nodeOptions: string[]): Promise<Ended> {
  const large = dense(1024, 256);
  const program = join(dirname(large), "program.ts");
  writeFileSync(
    program,
    `const cb = require(${JSON.stringify(join(root, "native/cuda-batcher/lib"))});
const testing = () => require(${JSON.stringify(join(root, "native/cuda-batcher/lib/testing"))});
const small = ${JSON.stringify(doubling([4]))};
const large = ${JSON.stringify(large)};
const endless = ${JSON.stringify(endless(1))};
const endlessUnwarmed = ${JSON.stringify(endless("width"))};
const loaded = () => testing().LoadedModel.open({ path: endless, instances: 1, intraOpThreads: 1, maxBatch: 1 });
const open = (path, more) => cb.openBatcher({ path, instances: 2, intraOpThreads: 1, maxBatch: 64, ...more });
const api = () => require(${JSON.stringify(join(root, "packages/api/src"))});
const { create, toBinary } = require(${JSON.stringify(join(root, "node_modules/@bufbuild/protobuf"))});
const serve = (batcher) => {
  const server = cb.FrameServer.open({ host: "127.0.0.1", port: 0, inFlightMax: 8, accepted: null }, { onFrame() {}, onEnd() {} });
  batcher.links.serveOn(server, "v", { inputs: ["FP32"], outputs: ["FP32"] });
  const inputs = [{ name: batcher.inputs[0].name, datatype: "FP32", shape: [64n, 1024n] }];
  const request = create(api().ModelInferRequestSchema, { inputs, rawInputContents: [input] });
  const body = toBinary(api().ModelInferRequestSchema, request);
  const frame = (id) => ({ type: "infer", id, timeoutMs: 0, lane: 0, trace: null, variant: "v", body });
  const socket = require("node:net").connect(server.port, "127.0.0.1");
  // A server that is closed with frames unread resets the connection.
  socket.on("error", () => {});
  for (let id = 0; id < 4; id++) socket.write(Buffer.concat(api().encodeFrame(frame(id))));
  return { server, socket };
};
const rows = 64;
const input = new Uint8Array(1024 * 4 * rows);
const running = async (batcher) => { while (batcher.runningRows === 0) await new Promise(setImmediate); };
// Sleeps until other threads have computed for 100 ms. It looks so seldom that its own looks add up to that in a minute.
const computing = () => {
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < 100_000) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
};
// The same without holding the calls whose answers come meanwhile.
const computed = async () => {
  const before = process.cpuUsage();
  while (process.cpuUsage(before).user < 300_000) await new Promise((r) => setTimeout(r, 50));
};
(async () => {${body}})();`,
  );
  const args = [...nodeOptions, "--require", join(__dirname, "register.cjs"), program];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += chunk));
  const killer = setTimeout(() => child.kill("SIGKILL"), timeoutMs);
  return new Promise((resolve) =>
    child.on("close", (code, signal) => {
      clearTimeout(killer);
      resolve({ code, signal, output });
    }),
  );
}

describe("a process with a batcher", () => {
  it.each([
    [
      "ends by itself with an idle batcher that nobody closed",
      "const b = await open(small); await b.submit([new Uint8Array(16)], { rows: 1 }); console.log('done');",
      0,
    ],
    [
      "does not end before requests in flight are answered",
      "const b = await open(large); b.submit([input], { rows }).then(() => console.log('done'));",
      0,
    ],
    [
      "may exit in the middle of a batch",
      "const b = await open(large); for (let i = 0; i < 4; i++) b.submit([input], { rows }).catch(() => {}); await running(b); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "may exit while it measures a run without end",
      "const m = await loaded(); m.measure({ batch: 1, durationMs: 1 }).catch(() => {}); computing(); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "may exit while it feeds a run without end",
      "const m = await loaded(); m.feed({ inFlight: 1, durationMs: 1 }).catch(() => {}); computing(); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "may exit while it warms up with a run without end",
      "await open(small); open(endless).catch(() => {}); await computed(); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "may exit while it closes beside a run without end",
      "const b = await open(endlessUnwarmed); b.submit([new Uint8Array(4)], { rows: 1, dims: [[1, 1]] }).catch(() => {}); await running(b); b.close(); computing(); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "may exit while a model loads",
      "open(large).catch(() => {}); setImmediate(() => { console.log('done'); process.exit(3); });",
      3,
    ],
    [
      "may exit while links have queries in the middle of a batch",
      "const b = await open(large); serve(b); await running(b); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "ends by itself once links were closed in the middle of a batch, after the batcher",
      "const b = await open(large); const { server } = serve(b); await running(b); await b.close(); await server.close(100); console.log('done');",
      0,
    ],
    [
      "ends by itself once links were closed in the middle of a batch, before the batcher",
      "const b = await open(large); const { server } = serve(b); await running(b); await server.close(0); await b.close(); console.log('done');",
      0,
    ],
    [
      "may exit while it closes",
      "const b = await open(large); b.submit([input], { rows }).catch(() => {}); await running(b); b.close(); console.log('done'); process.exit(3);",
      3,
    ],
    [
      "dies of an uncaught error in the middle of a batch as any process does",
      "const b = await open(large); b.submit([input], { rows }).catch(() => {}); await running(b); console.log('done'); setImmediate(() => { throw new Error('on purpose'); });",
      1,
    ],
    [
      "dies of what a callback throws, after its batchmates were answered",
      "const b = await open(small); b.submitWith([new Uint8Array(16)], { rows: 1 }, () => { throw new Error('on purpose'); }); b.submitWith([new Uint8Array(16)], { rows: 1 }, () => console.log('done'));",
      1,
    ],
  ])("%s", async (_, body, code) => {
    const ended = await runProcess(body);
    expect(ended).toMatchObject({ code, signal: null, output: expect.stringContaining("done") });
  });

  it("frees a batcher that was dropped, after its requests were answered", async () => {
    const ended = await runProcess(
      `let answered = 0;
       const turn = async () => {
         const b = await open(small);
         for (let i = 0; i < 50; i++) b.submit([new Uint8Array(16)], { rows: 1 }).then(() => answered++);
       };
       for (let i = 0; i < 20; i++) { await turn(); gc(); }
       while (answered < 1000) await new Promise(setImmediate);
       for (let i = 0; i < 10; i++) { gc(); await new Promise(setImmediate); }
       console.log('done', answered);`,
      "--expose-gc",
    );
    expect(ended).toMatchObject({ code: 0, signal: null, output: expect.stringContaining("done 1000") });
  });

  it("keeps inputs alive that only the engine still reads", async () => {
    const ended = await runProcess(
      `const b = await open(small, { maxBatch: 8 });
       let wrong = 0;
       for (let round = 0; round < 200; round++) {
         const answers = [];
         for (let i = 0; i < 32; i++) answers.push(b.submit([new Uint8Array(new Float32Array(4).fill(i).buffer)], { rows: 1 }));
         if (round % 10 === 0) gc();
         const all = await Promise.all(answers);
         all.forEach((r, i) => { if (new Float32Array(Uint8Array.from(r.outputs[0]).buffer)[0] !== 2 * i) wrong++; });
       }
       console.log('done', wrong);`,
      "--expose-gc",
    );
    expect(ended).toMatchObject({ code: 0, signal: null, output: expect.stringContaining("done 0") });
  });

  describe("in worker threads", () => {
    const worker = (inWorker: string, inMain: string) =>
      `const { Worker, isMainThread, parentPort } = require("node:worker_threads");
       if (!isMainThread) { ${inWorker} } else {
         const workers = [0, 1].map(() => new Worker(__filename));
         ${inMain}
       }`;

    it("answers in each of them and in the main thread", async () => {
      const ended = await runProcess(
        worker(
          "const b = await open(small); const r = await b.submit([new Uint8Array(16)], { rows: 1 }); await b.close(); parentPort.postMessage(r.batchSize);",
          // Listened for before anything is awaited: a message that finds no listener is lost.
          `const answers = Promise.all(workers.map((w) => new Promise((r) => w.once("message", r))));
           const b = await open(small);
           const sizes = await answers;
           await b.submit([new Uint8Array(16)], { rows: 1 }); await b.close();
           console.log('done', sizes.join());`,
        ),
      );
      expect(ended).toMatchObject({ code: 0, signal: null, output: expect.stringContaining("done 1,1") });
    });

    it("survives that they are terminated in the middle of a batch", async () => {
      const ended = await runProcess(
        worker(
          "const b = await open(large); for (let i = 0; i < 4; i++) b.submit([input], { rows }).catch(() => {}); await running(b); parentPort.postMessage('running');",
          `await Promise.all(workers.map((w) => new Promise((r) => w.once("message", r))));
           await Promise.all(workers.map((w) => w.terminate()));
           console.log('done');`,
        ),
      );
      expect(ended).toMatchObject({ code: 0, signal: null, output: expect.stringContaining("done") });
    });

    it("survives that the process exits meanwhile", async () => {
      const ended = await runProcess(
        worker(
          "const b = await open(large); for (let i = 0; i < 4; i++) b.submit([input], { rows }).catch(() => {}); await running(b); parentPort.postMessage('running');",
          `await Promise.all(workers.map((w) => new Promise((r) => w.once("message", r))));
           console.log('done'); process.exit(3);`,
        ),
      );
      expect(ended).toMatchObject({ code: 3, signal: null, output: expect.stringContaining("done") });
    });
  });
});
