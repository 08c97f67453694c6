import { Code } from "@infaas/runtime";
import { HttpError } from "./http-status";
import { invalid } from "./json/json-body";
import { type ManagementRoute, managementRoutes } from "./management-routes";

/** The route of a path and verb, with the parts of the path. 404 for a path that is none, 405 for a wrong verb. */
export function findRoute(path: string, verb: string): { route: ManagementRoute; match: RegExpExecArray } {
  for (const { pattern } of managementRoutes) {
    const match = pattern.exec(path);
    if (match === null) continue;
    const same = managementRoutes.filter((route) => route.pattern.source === pattern.source);
    const route = same.find((r) => r.verb === verb);
    if (route === undefined) throw wrongVerb(path, verb, same.map((r) => r.verb).join(", "));
    return { route, match };
  }
  const sentence = `nothing is served at ${path}; the protocol's paths begin with /v2, a query is POST /v2/models/<task>/infer`;
  throw new HttpError(404, Code.NOT_FOUND, sentence);
}

/** HTTP 405 with what is allowed. */
export function wrongVerb(path: string, verb: string, allowed: string): HttpError {
  return new HttpError(405, Code.UNIMPLEMENTED, `${path} takes ${allowed}, not ${verb}`, { allow: allowed });
}

/** Named parts of a path, percent-decoded one by one: an encoded slash belongs to its name. */
export function decoded(
  groups: Readonly<Record<string, string | undefined>> | undefined,
): Record<string, string> {
  const parts: Record<string, string> = {};
  for (const [name, value] of Object.entries(groups ?? {})) {
    if (value !== undefined) parts[name] = decodePart(value);
  }
  return parts;
}

function decodePart(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    throw invalid(`'${value}' in the path is not readable percent-encoding of UTF-8`);
  }
}
