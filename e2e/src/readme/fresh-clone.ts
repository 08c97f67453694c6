import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "../cluster";

/** Folders of the workspaces that package.json names, from the root. */
function workspaces(): string[] {
  const { workspaces: patterns } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  return (patterns as string[]).flatMap((pattern) => {
    if (!pattern.endsWith("/*")) return [pattern];
    const folder = pattern.slice(0, -2);
    return readdirSync(join(root, folder)).map((name) => `${folder}/${name}`);
  });
}

/** Built files, which `npm start` makes anew where their sources differ from what its stamps say. */
const BUILT = [
  ...[".cache/stamps.json", "packages/api/src/gen"],
  ...["cuda-batcher", "wire"].map((addon) => `native/${addon}/build/Release`),
  ...workspaces().map((workspace) => `${workspace}/dist`),
];
/** Tools in caches, which nothing writes to. */
const TOOLS = ["native/cuda-batcher/.cache", ".cache/etcd"];

/**
 * Puts the files of this checkout, without state, into a folder of its own under .cache and returns it. What `npm ci` and the
 * compilers made here is copied into it; the packages are links to the same files.
 */
export function freshClone(): string {
  const clone = join(root, ".cache", "fresh-clone");
  rmSync(clone, { recursive: true, force: true });
  const listed = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  const copy = (path: string) => {
    if (existsSync(join(root, path))) cpSync(join(root, path), join(clone, path), { recursive: true });
  };
  for (const file of listed.split("\0").filter(Boolean)) copy(file);
  for (const path of BUILT) copy(path);
  for (const path of TOOLS.filter((tool) => existsSync(join(root, tool)))) {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    symlinkSync(join(root, path), join(clone, path));
  }
  execFileSync("cp", ["--archive", "--link", join(root, "node_modules"), join(clone, "node_modules")]);
  return clone;
}
