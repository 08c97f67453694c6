import type { PlanColumn, PlanHost, PlanningProblem } from "../planning/problem";

/**
 * Returns the least price at which every class can be served by one variant on hosts of one type, US dollars per hour, by
 * trying all there is; null where no plan serves all. For a few classes, variants and hosts only.
 */
export function exactUsd(problem: PlanningProblem): number | null {
  let best: number | null = null;
  for (const chosen of choices(problem.classes.map(({ columns }) => columns))) {
    const variants = [...new Map(chosen.map((c) => [`${c.variant} ${c.hostType}`, c])).values()];
    for (const held of choices(variants.map((column) => subsetsOf(column, problem.hosts)))) {
      const holds = new Map(variants.map((column, v) => [column.variant + column.hostType, held[v] ?? []]));
      const hostsOf = chosen.map((c) => holds.get(c.variant + c.hostType) ?? []);
      if (!fitsMemory(variants, held, problem.hosts) || !fitsTime(problem, chosen, hostsOf)) continue;
      const usd = priceOf(problem, chosen, variants, held);
      if (usd !== null && (best === null || usd < best)) best = usd;
    }
  }
  return best;
}

/** Every way to take one of each list. */
function choices<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>(
    (all, list) => all.flatMap((before) => list.map((one) => [...before, one])),
    [[]],
  );
}

function subsetsOf(column: PlanColumn, hosts: readonly PlanHost[]): readonly (readonly PlanHost[])[] {
  const able = hosts.filter((host) => host.hostType === column.hostType);
  return Array.from({ length: 2 ** able.length }, (_, bits) => able.filter((_host, h) => bits & (1 << h)));
}

function fitsMemory(
  variants: readonly PlanColumn[],
  held: readonly (readonly PlanHost[])[],
  hosts: readonly PlanHost[],
): boolean {
  return hosts.every((host) => {
    const bytes = variants.reduce((sum, c, v) => sum + (held[v]?.includes(host) ? c.memoryBytes : 0), 0);
    return bytes <= host.memoryBytes;
  });
}

/** Hall's condition: the classes of every subset fit into the time of the hosts that any of them may use. */
function fitsTime(
  { classes }: PlanningProblem,
  chosen: readonly PlanColumn[],
  hostsOf: readonly (readonly PlanHost[])[],
): boolean {
  for (let bits = 1; bits < 2 ** classes.length; bits++) {
    const subset = classes.flatMap((_, c) => (bits & (1 << c) ? [c] : []));
    const load = subset.reduce(
      (sum, c) => sum + (classes[c]?.rowsPerSecond ?? 0) * (chosen[c]?.hostSecondsPerRow ?? 0),
      0,
    );
    if (load > new Set(subset.flatMap((c) => hostsOf[c] ?? [])).size + 1e-9) return false;
  }
  return true;
}

function priceOf(
  { classes, hosts, dwellSeconds, maxUsdPerHour }: PlanningProblem,
  chosen: readonly PlanColumn[],
  variants: readonly PlanColumn[],
  held: readonly (readonly PlanHost[])[],
): number | null {
  const used = new Set(held.flat());
  const paid = hosts.filter((host) => used.has(host) || host.addedUsdPerHour <= 0);
  if (maxUsdPerHour !== null && paid.reduce((sum, host) => sum + host.usdPerHour, 0) > maxUsdPerHour)
    return null;
  const forHosts = [...used].reduce((sum, host) => sum + Math.max(0, host.addedUsdPerHour), 0);
  const forLoads = variants.reduce((sum, column, v) => {
    const loads = (held[v] ?? []).filter((host) => !host.placed.has(column.variant));
    return sum + loads.reduce((s, host) => s + (column.loadMs / 1_000 / dwellSeconds) * host.usdPerHour, 0);
  }, 0);
  const penalties = classes.reduce(
    (sum, { rowsPerSecond }, c) => sum + rowsPerSecond * 3_600 * (chosen[c]?.penaltyUsdPerRow ?? 0),
    0,
  );
  return forHosts + forLoads + penalties;
}
