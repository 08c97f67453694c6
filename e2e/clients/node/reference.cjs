/**
 * What onnxruntime's own JavaScript binding answers: reads `{ path, runs: [[{ name, datatype, shape, bytes }]] }` as JSON
 * from stdin, bytes in base64, and prints `[[{ name, shape, bytes }]]`. A process of its own, because the binding takes
 * typed arrays of node's main realm only and jest runs tests in another.
 */
const ort = require("onnxruntime-node");

const arrays = {
  FP32: ["float32", Float32Array],
  FP64: ["float64", Float64Array],
  INT32: ["int32", Int32Array],
  INT64: ["int64", BigInt64Array],
  BOOL: ["bool", Uint8Array],
};

async function main() {
  const { path, runs } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
  const session = await ort.InferenceSession.create(path, { logSeverityLevel: 3 });
  const answers = [];
  for (const feeds of runs) {
    const results = await session.run(Object.fromEntries(feeds.map((feed) => [feed.name, tensorOf(feed)])));
    answers.push(session.outputNames.map((name) => ({ name, ...plain(results[name]) })));
  }
  process.stdout.write(JSON.stringify(answers));
}

function tensorOf({ datatype, shape, bytes }) {
  const [type, array] = arrays[datatype];
  const copy = new Uint8Array(Buffer.from(bytes, "base64")).buffer;
  return new ort.Tensor(type, new array(copy), shape);
}

function plain({ data, dims }) {
  return {
    shape: dims,
    bytes: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64"),
  };
}

main().catch((fault) => {
  process.stderr.write(`${fault.stack}\n`);
  process.exit(1);
});
