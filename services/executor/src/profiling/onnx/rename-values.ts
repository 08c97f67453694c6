import type { GraphProto } from "@infaas/api";
import { bodiesOf } from "@infaas/onnx";

/**
 * Renames values of a graph and of the bodies in it, in place. A value that has a new name already is given a fresh one, so
 * that any renaming keeps the graph's meaning, an exchange of two names included. Functions have names of their own.
 * @param reserved Names that no value may have afterwards either.
 */
export function renameValues(
  graph: GraphProto,
  wanted: ReadonlyMap<string, string>,
  reserved: Iterable<string> = [],
): void {
  const before = namesOf(graph);
  const given = [...wanted.values(), ...reserved];
  const taken = new Set([...before, ...given]);
  const renames = new Map(wanted);
  for (const name of given)
    if (before.has(name) && !wanted.has(name)) renames.set(name, freshName(name, taken));
  eachGraph(graph, (one) => rename(one, (name) => renames.get(name) ?? name));
}

/** A name that no value of `taken` has, made of `name`; adds it to `taken`. */
export function freshName(name: string, taken: Set<string>): string {
  let fresh = `${name}/inner`;
  while (taken.has(fresh)) fresh += "_";
  taken.add(fresh);
  return fresh;
}

/** Names of all values of a graph and of the bodies in it. */
export function namesOf(graph: GraphProto): Set<string> {
  const names = new Set<string>();
  const collect = (name: string) => {
    names.add(name);
    return name;
  };
  eachGraph(graph, (one) => rename(one, collect));
  return names;
}

function eachGraph(graph: GraphProto, visit: (graph: GraphProto) => void): void {
  visit(graph);
  for (const body of bodiesOf(graph)) eachGraph(body, visit);
}

/** An empty name stands for an input or output that is left out. */
function rename(graph: GraphProto, nameOf: (name: string) => string): void {
  const renamed = (name: string) => (name === "" ? name : nameOf(name));
  for (const node of graph.node) {
    node.input = node.input.map(renamed);
    node.output = node.output.map(renamed);
  }
  const sparse = graph.sparseInitializer.flatMap(({ values }) => values ?? []);
  for (const value of [...graph.input, ...graph.output, ...graph.valueInfo, ...graph.initializer, ...sparse])
    value.name = renamed(value.name ?? "");
}
