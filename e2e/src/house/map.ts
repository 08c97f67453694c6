/** What `docs/map.md` says: folders, what workspaces may import, and the orders of rooms inside them. */

/** Rooms of one folder in rows, left to right; a room imports only from rows to its right. */
export interface Order {
  /** Folder that the rooms lie in, from the root of the repository. */
  readonly scope: string;
  /** Paths of rooms relative to the scope: folders, or files without their ending. */
  readonly rows: readonly (readonly string[])[];
}

export interface HouseMap {
  /** What each workspace may import: paths of workspaces, patterns of packages. */
  readonly workspaces: ReadonlyMap<string, readonly string[]>;
  readonly orders: readonly Order[];
  /** Every folder inside a workspace that has a line, from the root of the repository. */
  readonly folders: readonly string[];
}

/**
 * Reads the page: a heading of second level names a scope, `Order:` begins its order, rows of tables name
 * folders.
 */
export function parseMap(page: string): HouseMap {
  const workspaces = new Map<string, readonly string[]>();
  const orders: Order[] = [];
  const folders: string[] = [];
  let scope = "";
  for (const line of page.split("\n")) {
    const heading = /^## (.+)$/.exec(line)?.[1];
    if (heading !== undefined) scope = heading;
    const order = /^Order: (.+)$/.exec(line)?.[1];
    if (order !== undefined) orders.push({ scope, rows: order.split("→").map(namesIn) });
    const [, folder, imports] = /^\| `([^`]+)` \|[^|]*\|(?:([^|]*)\|)?$/.exec(line) ?? [];
    if (folder === undefined) continue;
    if (scope !== "Workspaces") folders.push(`${scope}/${folder}`);
    else if (!imports?.includes("all but")) workspaces.set(folder, namesIn(imports ?? ""));
  }
  return { workspaces, orders, folders };
}

const namesIn = (text: string) => [...text.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);

/**
 * The room of an order that a path lies in: the longest that is its folder or the file itself; undefined
 * outside.
 */
export function roomOf(order: Order, path: string): string | undefined {
  if (!path.startsWith(`${order.scope}/`)) return undefined;
  const inside = path.slice(order.scope.length + 1);
  const holding = order.rows
    .flat()
    .filter((room) => inside.startsWith(`${room}/`) || inside.replace(/\.\w+$/, "") === room);
  return holding.sort((a, b) => b.length - a.length)[0];
}

/** Whether a file in room `from` may import from room `to`. */
export function mayImport(order: Order, from: string, to: string): boolean {
  const rowOf = (room: string) => order.rows.findIndex((row) => row.includes(room));
  return from === to || rowOf(from) < rowOf(to);
}

/** Rooms of the order that `room` may not import: those of its own row and of rows to its left. */
export function forbiddenTo(order: Order, room: string): string[] {
  return order.rows.flat().filter((other) => !mayImport(order, room, other));
}

/** The workspace that a path lies in, among those whose imports are listed. */
export function workspaceOf(map: HouseMap, path: string): string | undefined {
  return [...map.workspaces.keys()].find((workspace) => path.startsWith(`${workspace}/`));
}
