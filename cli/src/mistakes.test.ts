import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runCommand } from "./run-command";
import { createTerminal } from "./terminal/terminal";

const folder = mkdtempSync(join(tmpdir(), "infaas-mistakes-"));
const zoo = join(__dirname, "..", "..", "zoo", "examples");
const file = (name: string) => join(folder, name);
const files: Readonly<Record<string, string>> = {
  "empty.png": "",
  "words.png": "this is no picture",
  "bad.json": "{inputs",
  "list.json": "[1]",
  "none.json": '{"inputs": []}',
  "nameless.json": '{"inputs": [{"datatype": "FP32", "shape": [1], "data": [1]}]}',
  "typeless.json": '{"inputs": [{"name": "x", "shape": [1], "data": [1]}]}',
  "shape.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [-1], "data": [1]}]}',
  "dataless.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1]}]}',
  "count.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [2, 2], "data": [1]}]}',
  "words.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": ["many"]}]}',
  "null.json": '{"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [null]}]}',
  "half.json": '{"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [0.5]}]}',
  "type.json": '{"inputs": [{"name": "x", "datatype": "FLOAT", "shape": [1], "data": [1]}]}',
  "entry.json": '{"inputs": [null]}',
  "torch.pkl": "\x80\x02ctorch\nx\n.",
  "model.onnx": "\x08\x08\x3a\x00",
  "rows.npy": "x",
};

/** A server that hangs up on everybody who calls. */
let deaf: Server;
let deafAddress = "";
/** Where nothing listens: the port was free a moment ago. */
let nobody = "";

beforeAll(async () => {
  for (const [name, content] of Object.entries(files)) writeFileSync(file(name), content, "latin1");
  mkdirSync(file("folder"));
  symlinkSync(file("circle"), file("circle"));
  deaf = createServer((socket) => socket.destroy());
  deafAddress = await listening(deaf);
  const gone = createServer();
  nobody = await listening(gone);
  await new Promise((done) => gone.close(done));
});

afterAll(() => void deaf.close());

function listening(server: Server): Promise<string> {
  return new Promise((done) =>
    server.listen(0, "127.0.0.1", () => done(`127.0.0.1:${(server.address() as { port: number }).port}`)),
  );
}

async function run(words: readonly string[]) {
  const said = { out: "", err: "" };
  const sink = (key: keyof typeof said) => ({
    write(text: string) {
      said[key] += text;
    },
  });
  const terminal = createTerminal({ json: words.includes("--json"), out: sink("out"), err: sink("err") });
  const known = words.map((word) => word.replace("DEAF", deafAddress).replace("NOBODY", nobody));
  return { status: await runCommand(known, terminal), ...said };
}

const query = (...words: string[]) => ["query", "digits", ...words];
const image = (...words: string[]) => query("--image", join(zoo, "seven.png"), ...words);
const tensor = (name: string) => query("--tensor", file(name));
const register = (name: string, ...words: string[]) => ["register", file(name), ...words];

/** Words of a command line, its exit status, and what the first line on stderr says. */
type Mistake = readonly [words: readonly string[], status: number, sentence: string | RegExp];

const mistakes: readonly Mistake[] = [
  // Verbs.
  [["qeury"], 2, "'qeury' is no verb; did you mean 'query'?"],
  [["regster", "x"], 2, "did you mean 'register'?"],
  [["exp"], 2, "did you mean 'explain'?"],
  [["remove", "x"], 2, /'remove' is no verb; there are up, down, .*'infaas help'/],
  [["Query"], 2, "did you mean 'query'?"],
  [["--json", "status"], 2, "options follow the verb"],
  [["help", "qeury"], 2, "did you mean 'query'?"],
  [[""], 2, "'' is no verb"],
  // Options.
  [image("--acuracy", "0.9"), 2, "there is no option '--acuracy'; did you mean '--accuracy'?"],
  [image("--colour", "red"), 2, /there is no option '--colour'; 'infaas query --help' lists/],
  [image("-x"), 2, "there is no option '-x'"],
  [["status", "--jsno"], 2, "did you mean '--json'?"],
  [["status", "--address"], 2, "--address needs a value"],
  [["status", "--address", "--json"], 2, "--address needs a value, '--json' follows it"],
  [["status", "--json=yes"], 2, "--json takes no value, leave out '=yes'"],
  [["status", "--address", "a:1", "--address", "b:1"], 2, "--address is given twice"],
  [image("--latency", "5", "--latency=6"), 2, "--latency is given twice"],
  [["up", "--__proto__", "1"], 2, "there is no option '--__proto__'"],
  [["status", "--toString"], 2, "there is no option '--toString'"],
  // Arguments.
  [["query", "--text", "a"], 2, "exactly one task, architecture or variant is needed, 0 were given"],
  [["query", "--text", "a", "b", "c"], 2, "takes one argument (TARGET), given: 'b', 'c'"],
  [["status", "now"], 2, "status takes no argument, given: 'now'"],
  [["up", "now"], 2, "up takes no argument"],
  [["down", "now"], 2, "down takes no argument"],
  [["why", "a", "b"], 2, "why takes one argument"],
  [["register"], 2, "exactly one ONNX file is needed"],
  [["delete"], 2, "exactly one name is needed"],
  [["drain"], 2, "exactly one executor name is needed"],
  [["undrain"], 2, "exactly one executor name is needed"],
  [["task"], 2, "exactly one task is needed"],
  [["demo"], 2, "exactly one thing to show (scale) is needed"],
  [["demo", "scales"], 2, "there is scale"],
  // Numbers and units.
  [image("--accuracy", "high"), 2, "--accuracy takes a share of one, as in 0.95 or 95%, 'high' was given"],
  [image("--accuracy", "95"), 2, "it may be 0 to 1; 95 in 100 is 95%"],
  [image("--accuracy", "101%"), 2, "--accuracy is 101%; it may be 0 to 1"],
  [image("--accuracy", "0,95"), 2, "decimals follow a point"],
  [image("--accuracy=-0.1"), 2, "it may be 0 to 1"],
  [image("--accuracy", "50ms"), 2, "--accuracy takes a share of one"],
  [image("--latency", "fast"), 2, "as in 50, 50ms or 2s, 'fast' was given"],
  [image("--latency", "0"), 2, "--latency is 0; it may be above 0"],
  [image("--latency=-5ms"), 2, "it may be above 0"],
  [image("--latency", "5 hours"), 2, "--latency takes milliseconds or a time with its unit"],
  [image("--latency", "95%"), 2, "--latency takes milliseconds"],
  [image("--latency", ""), 2, "--latency takes milliseconds"],
  [image("--latency", "1e999"), 2, "--latency takes milliseconds"],
  [image("--max-cost", "$1"), 2, "--max-cost takes a number, '$1' was given"],
  [image("--max-cost", "0"), 2, "it may be above 0"],
  [image("--objective", "fastest"), 2, "it may be min-cost, max-accuracy or min-latency"],
  [image("--timeout", "0"), 2, "--timeout is 0; it may be above 0"],
  [["explain", "digits", "--rows", "0"], 2, "--rows is 0; it may be an integer from 1"],
  [["explain", "digits", "--rows", "1.5"], 2, "--rows is 1.5; it may be an integer from 1"],
  [register("model.onnx", "--tolerance", "2%%"), 2, "--tolerance takes a share of one"],
  [["plan", "--freeze", "--unfreeze"], 2, "exclude each other"],
  // Ports and addresses; no name server is asked for a name of 64 letters.
  [["up", "--port", "http"], 2, "--port takes a number, 'http' was given"],
  [["up", "--port", "70000"], 2, "--port is 70000; it may be an integer 2 to 65234"],
  [["up", "--port", "65400"], 2, "it may be an integer 2 to 65234"],
  [["up", "--port", "0"], 2, "it may be an integer 2 to 65234"],
  [["up", "--port", "8001.5"], 2, "it may be an integer 2 to 65234"],
  [["up", "--executors", "0"], 2, "it may be 1 to 64"],
  [["up", "--store", "redis"], 2, "it may be embedded, memory or etcd"],
  [["up", "--hosts", "cloud"], 2, "it may be static or local"],
  [["up", "--data-dir", file("empty.png")], 2, /empty.png cannot be used: it is a file; name a folder/],
  [["up", "--data-dir", join(file("empty.png"), "x")], 2, "is a file where a folder is needed"],
  [["up", "--data-dir", file("up"), "--tokens", file("none.json.txt")], 2, "--tokens: "],
  [["up", "--data-dir", file("up"), "--tls-client-ca", file("empty.png")], 2, "tls-"],
  [["up", "--data-dir", file("up"), "--host", "0.0.0.0"], 2, "0.0.0.0"],
  [["status", "--address", "127.0.0.1"], 2, "--address is '127.0.0.1'; it takes host:port"],
  [["status", "--address", "http://127.0.0.1:8001"], 2, "leave out what is before the host"],
  [["status", "--address", "127.0.0.1:99999"], 2, "a port from 1 to 65535"],
  [["status", "--address", "127.0.0.1:0"], 2, "a port from 1 to 65535"],
  [["status", "--address", ":8001"], 2, "it takes host:port"],
  [["status", "--address", "::1:8001"], 2, "an IPv6 host in brackets"],
  [["status", "--address", "8001"], 2, "as in 127.0.0.1:8001"],
  [["status", "--address", "host:port"], 2, "it takes host:port"],
  [["status", "--address", "NOBODY"], 3, /nothing listens on .*'npm start'.*'infaas up'.*--address/],
  [["health", "--address", "NOBODY"], 3, "nothing listens on"],
  [image("--address", "NOBODY"), 3, "nothing listens on"],
  [["status", "--address", `${"a".repeat(64)}:8001`], 3, "is not known; name another with --address"],
  [["status", "--address", "DEAF"], 3, /no connection to .*gRPC port.*--tls-ca/],
  [["status", "--tls-ca", file("none.pem")], 2, "--tls-ca: "],
  [["status", "--token-file", file("folder")], 2, "it is a folder; name a file"],
  // Files.
  [query("--image", file("none.png")), 2, /none.png cannot be read: there is no such file; looked for \//],
  [query("--image", file("folder")), 2, "it is a folder; name a file"],
  [query("--image", file("empty.png")), 2, "it is empty; name another"],
  [query("--image", file("words.png")), 2, "cannot be read as a picture"],
  [query("--image", join(file("empty.png"), "a.png")), 2, "is a file where a folder is needed"],
  [query("--image", file("circle")), 2, "its symbolic links lead in a circle"],
  [query("--image", file("a".repeat(300))), 2, "its name is too long"],
  [image("--text", "a"), 2, "one of --image, --text and --tensor is needed, 2 were given"],
  [tensor("none"), 2, "there is no such file"],
  [tensor("bad.json"), 2, "it is no JSON"],
  [tensor("list.json"), 2, "it has no list 'inputs'; it takes"],
  [tensor("none.json"), 2, "it has no list 'inputs'"],
  [tensor("entry.json"), 2, "input 1 has no 'name'"],
  [tensor("nameless.json"), 2, "input 1 has no 'name'"],
  [tensor("typeless.json"), 2, "input 1 ('x') has no 'datatype'"],
  [tensor("shape.json"), 2, "input 1 ('x') has no 'shape' that is a list of sizes from 0"],
  [tensor("dataless.json"), 2, "input 1 ('x') has no 'data'"],
  [tensor("count.json"), 2, "needs 4 values, 1 were given"],
  [tensor("words.json"), 2, 'has "many", which is no FP32'],
  [tensor("null.json"), 2, "has null, which is no FP32"],
  [tensor("half.json"), 2, "has 0.5, which is no INT64"],
  [tensor("type.json"), 2, "'x' is FLOAT"],
  [["task", "t", "--labels", file("none.txt")], 2, "--labels: "],
  [["task", "t", "--input", "x:FP32:1"], 2, "--input and --output are needed together"],
  [["task", "t", "--input", "x", "--output", "y"], 2, "it takes NAME:DATATYPE:SHAPE"],
  [register("none.onnx"), 2, "there is no such file"],
  [register("folder"), 2, "it is a folder; name a file"],
  [register("torch.pkl"), 2, /is a PyTorch file; an ONNX file is needed: .*torch.onnx.export/],
  [register("model.onnx", "--padding", file("bad.json")), 2, "this is no padding"],
  [register("model.onnx", "--padding", file("none.json.txt")), 2, "--padding: "],
  [register("model.onnx", "--examples", file("none.npy")), 2, "--examples: "],
  [register("model.onnx", "--examples", file("rows.npy"), "--labels", file("none")), 2, "--labels: "],
  [register("model.onnx", "--batchable", "maybe"), 2, "it may be yes or no"],
  [register("model.onnx", "--size", "N=0"), 2, "it takes NAME=N with N from 1"],
  [register("model.onnx", "--map", "image"), 2, "maps no tensor; allowed"],
  [["down", "--data-dir", file("folder")], 1, "nothing was started on"],
  [["logs", "--data-dir", file("folder")], 1, "there are no logs in"],
  [["top", "--every", "1ms"], 2, "--every is 1ms; it may be from 100"],
  [["top"], 2, "top is drawn on a terminal, and there is none"],
  [["watch"], 2, "exactly one task, architecture or variant is needed"],
  [["watch", "digits", "--accuracy", "95"], 2, "95 in 100 is 95%"],
  [["logs", "--lines", "some"], 2, "--lines takes a number"],
  [["schema", "modles"], 2, "did you mean 'models'?"],
];

describe("a mistake on the command line", () => {
  it.each(mistakes.map(([words, ...expected]) => [words.join(" "), words, ...expected] as const))(
    "infaas %s",
    async (_, words, status, sentence) => {
      const said = await run(words);
      const [first = "", ...rest] = said.err.trimEnd().split("\n");
      expect(first).toEqual(
        typeof sentence === "string" ? expect.stringContaining(sentence) : expect.stringMatching(sentence),
      );
      expect([said.status, rest]).toEqual([status, []]);
      const told = words.includes("--json") ? JSON.parse(said.out).error : said.out;
      expect(told).toEqual(words.includes("--json") ? expect.objectContaining({ status }) : "");
      expect(first).toMatch(/^(?!INTERNAL|UNKNOWN)[A-Z_]+: /);
      expect(first).not.toMatch(/\bat .+:\d+:\d+|Error:/);
    },
  );

  // Root may read everything: as nobody for as long as the command runs.
  it("says that a file may not be read", async () => {
    const { geteuid, seteuid } = process;
    const isRoot = geteuid?.() === 0;
    const secret = file("secret.json");
    writeFileSync(secret, "{}", { mode: 0 });
    if (isRoot) seteuid?.(65_534);
    const said = await run(query("--tensor", secret)).finally(() => isRoot && seteuid?.(0));
    expect(said).toMatchObject({ status: 2, err: expect.stringContaining("no permission; change it with") });
  });

  it("is told as JSON with --json", async () => {
    const { out, status } = await run(["status", "--json", "--address", "NOBODY"]);
    expect(status).toBe(3);
    expect(JSON.parse(out)).toEqual({
      error: { code: "UNAVAILABLE", message: expect.stringContaining("nothing listens on"), status: 3 },
    });
  });
});

describe("help and version", () => {
  it.each([[[]], [["help"]], [["--help"]], [["-h"]]])("infaas %s prints every verb", async (words) => {
    const said = await run(words);
    expect(said).toMatchObject({ status: 0, out: expect.stringContaining("  undrain EXECUTOR"), err: "" });
  });

  it.each([[["help", "query"]], [["query", "--help"]], [["query", "-h"]]])("infaas %s", async (words) => {
    expect(await run(words)).toMatchObject({ status: 0, out: expect.stringContaining("--accuracy NUMBER") });
  });

  it("infaas --version prints it", async () => {
    expect(await run(["--version"])).toMatchObject({
      status: 0,
      out: expect.stringMatching(/^infaas \d+\.\d+/),
    });
  });
});
