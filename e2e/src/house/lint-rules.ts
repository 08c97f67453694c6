/** The linter's overrides that hold `docs/map.md` where code is written. */
import { packageOf } from "./imports";
import { forbiddenTo, type HouseMap, type Order } from "./map";

interface Override {
  readonly includes: readonly string[];
  readonly linter: {
    readonly rules: { readonly style: { readonly noRestrictedImports: RestrictedImports } };
  };
}

interface RestrictedImports {
  readonly level: "error";
  readonly options: {
    readonly patterns: readonly { readonly group: readonly string[]; readonly message: string }[];
  };
}

/**
 * One override a workspace and one a room, in the order of the map. The linter takes the last that fits a
 * file, so a room repeats what holds for its workspace and for the rooms around it.
 */
export function lintRules(map: HouseMap): Override[] {
  const workspaces = [...map.workspaces.keys()].map((path) =>
    override(map, path, packagesForbiddenTo(map, path)),
  );
  const rooms = map.orders
    .filter(({ scope }) => !/^native\/[^/]+\/src/.test(scope))
    .flatMap((order) => order.rows.flat().map((room) => roomOverride(map, order, room)));
  return [...workspaces, ...rooms];
}

function roomOverride(map: HouseMap, order: Order, room: string): Override {
  const path = `${order.scope}/${room}`;
  const workspace = [...map.workspaces.keys()].find((known) => path.startsWith(`${known}/`)) ?? "";
  const around = map.orders.filter(({ scope }) => order.scope.startsWith(`${scope}/`));
  const forbidden = [
    ...forbiddenTo(order, room).flatMap((other) => specifiersOf(map, order, other)),
    ...around.flatMap((outer) => {
      const inOuter = order.scope.slice(outer.scope.length + 1);
      return forbiddenTo(outer, inOuter).flatMap((other) => specifiersOf(map, outer, other));
    }),
  ];
  return override(map, path, [...packagesForbiddenTo(map, workspace), ...forbidden]);
}

/** Packages and workspaces that the map names somewhere, but not for this workspace. */
function packagesForbiddenTo(map: HouseMap, workspace: string): string[] {
  const allowed = new Set(map.workspaces.get(workspace));
  const known = new Set([...map.workspaces.keys(), ...[...map.workspaces.values()].flat()]);
  return [...known].filter((name) => !allowed.has(name)).map(specifierOf(map));
}

const specifierOf = (map: HouseMap) => (name: string) => (map.workspaces.has(name) ? packageOf(name) : name);

const isFolder = (map: HouseMap, path: string) =>
  map.folders.some((folder) => folder === path || folder.startsWith(`${path}/`));

/**
 * Patterns of the relative imports that lead into a room: any depth for a folder, two folders up for a file.
 */
function specifiersOf(map: HouseMap, { scope }: Order, room: string): string[] {
  return isFolder(map, `${scope}/${room}`) ? [`**/${room}/**`] : [`../${room}`, `../../${room}`];
}

function override(map: HouseMap, path: string, group: readonly string[]): Override {
  const message = `${path} imports only what docs/map.md allows it`;
  const isRoot = map.workspaces.has(path) || isFolder(map, path);
  return {
    includes: isRoot ? [`${path}/**`, "!**/*.test.ts", "!**/testing/**", "!**/test/**"] : [`${path}.ts`],
    linter: {
      rules: {
        style: { noRestrictedImports: { level: "error", options: { patterns: [{ group, message }] } } },
      },
    },
  };
}
