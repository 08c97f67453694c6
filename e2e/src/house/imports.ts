/** What files import, found by text: TypeScript's relative and workspace imports, C++'s quoted includes. */
import { dirname, join, normalize } from "node:path";
import { type HouseMap, mayImport, roomOf, workspaceOf } from "./map";

/** Text of files by path from the root of the repository. */
export type Sources = ReadonlyMap<string, string>;

export interface Import {
  readonly from: string;
  readonly to: string;
}

/** Tests and their support, which may import whatever they test. */
export const isTest = (path: string) => /\.test\.ts$|\/testing\/|\/test\//.test(path);

/** How TypeScript imports a workspace of the map. */
export const packageOf = (workspace: string) => `@infaas/${workspace.split("/").at(-1)}`;

/** Folders that quoted includes are relative to. */
export const includeRoots = ["native/cuda-batcher/src", "native/wire/src"];

/** Folders of C++ that both native projects include. */
const sharedFolders = ["frames", "sockets", "loading"].map((room) => `native/wire/src/${room}/`);

/** The file behind a workspace's name. */
const doorOf = (workspace: string, sources: Sources) =>
  [`${workspace}/src/index.ts`, `${workspace}/lib/index.ts`].find((path) => sources.has(path));

/** Imports of one file that lead to another file of `sources`. */
export function importsOf(path: string, map: HouseMap, sources: Sources): Import[] {
  const text = sources.get(path) ?? "";
  const targets = /\.tsx?$/.test(path)
    ? typescriptTargets(path, text, map, sources)
    : includeTargets(text, sources);
  return targets.map((to) => ({ from: path, to }));
}

function typescriptTargets(path: string, text: string, map: HouseMap, sources: Sources): string[] {
  const specifiers = [...text.matchAll(/(?:\bfrom\s+|\bimport\s*\(?\s*|\brequire\(\s*)"([^"]+)"/g)];
  return specifiers.flatMap(([, specifier = ""]) => {
    const workspace = [...map.workspaces.keys()].find((known) => packageOf(known) === specifier);
    if (workspace !== undefined) return doorOf(workspace, sources) ?? [];
    if (!specifier.startsWith(".")) return [];
    const base = normalize(join(dirname(path), specifier));
    return [`${base}.ts`, `${base}.tsx`, `${base}/index.ts`].find((target) => sources.has(target)) ?? [];
  });
}

function includeTargets(text: string, sources: Sources): string[] {
  return [...text.matchAll(/^#include "([^"]+)"/gm)].flatMap(([, included = ""]) =>
    includeRoots.map((root) => `${root}/${included}`).filter((target) => sources.has(target)),
  );
}

/** Every import that the map does not allow, with the reason. */
export function wrongImports(map: HouseMap, sources: Sources): string[] {
  return [...sources.keys()]
    .filter((path) => !isTest(path))
    .flatMap((path) => importsOf(path, map, sources))
    .flatMap(({ from, to }) => faultsOf(map, from, to).map((why) => `${from} imports ${to}: ${why}`));
}

function faultsOf(map: HouseMap, from: string, to: string): string[] {
  if (isTest(to)) return ["only tests use it"];
  const [home, other] = [workspaceOf(map, from), workspaceOf(map, to)];
  const crosses = home !== undefined && other !== undefined && home !== other;
  const shared = home === "native/cuda-batcher" && sharedFolders.some((folder) => to.startsWith(folder));
  if (crosses && !shared && !map.workspaces.get(home)?.includes(other))
    return [`${home} may not import ${other}`];
  return map.orders.flatMap((order) => {
    const [here, there] = [roomOf(order, from), roomOf(order, to)];
    if (here === undefined || there === undefined || mayImport(order, here, there)) return [];
    return [`${here} may not import ${there}`];
  });
}

/** Circles of files, each as the files it goes through; empty when there is none. */
export function importCircles(map: HouseMap, sources: Sources): string[][] {
  const state = new Map<string, "open" | "done">();
  const trail: string[] = [];
  const circles: string[][] = [];
  const visit = (path: string): void => {
    state.set(path, "open");
    trail.push(path);
    for (const { to } of importsOf(path, map, sources)) {
      if (state.get(to) === "open") circles.push(trail.slice(trail.indexOf(to)));
      else if (!state.has(to)) visit(to);
    }
    trail.pop();
    state.set(path, "done");
  };
  for (const path of sources.keys()) if (!state.has(path)) visit(path);
  return circles;
}
