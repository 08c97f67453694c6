/**
 * Child process of onnxruntime-reference.ts: opens the model named by its first argument, then answers each message
 * `{ id, feeds: [{ name, type, bytes, dims }] }` with `{ id, outputs: [{ bytes, dims }], runMs }` or `{ id, fault }`.
 * A process of its own, because the binding takes typed arrays of node's main realm only and jest runs tests in another.
 */
const ort = require("onnxruntime-node");

const arrays = { float32: Float32Array, int32: Int32Array, int64: BigInt64Array };
const [path, threads] = process.argv.slice(2);
const options = { intraOpNumThreads: Number(threads), interOpNumThreads: 1, logSeverityLevel: 3 };
const session = ort.InferenceSession.create(path, options);

async function answer({ id, feeds }) {
  try {
    const { run, outputNames } = await opened();
    const startMs = performance.now();
    const results = await run(Object.fromEntries(feeds.map((feed) => [feed.name, tensorOf(feed)])));
    const runMs = performance.now() - startMs;
    const outputs = outputNames.map((name) => ({
      bytes: bytesOf(results[name].data),
      dims: results[name].dims,
    }));
    process.send({ id, outputs, runMs });
  } catch (fault) {
    process.send({ id, fault: String(fault) });
  }
}

async function opened() {
  const ready = await session;
  return { run: (feeds) => ready.run(feeds), outputNames: ready.outputNames };
}

function tensorOf({ type, bytes, dims }) {
  const copy = new Uint8Array(bytes).buffer;
  return new ort.Tensor(type, new arrays[type](copy), dims);
}

function bytesOf(data) {
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

process.on("message", (message) => void answer(message));
session.catch((fault) => process.send({ id: 0, fault: String(fault) }));
