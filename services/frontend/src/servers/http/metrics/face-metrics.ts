import type { ServerLoad } from "@infaas/runtime";
import { instruments } from "../../../metrics";
import type { Face } from "../../../telemetry/face";
import type { Family, Sample } from "./prometheus";

/** Open calls and connections, bytes held and refusals of every server, named as in OpenTelemetry with underscores. */
export function faceMetrics(faces: ReadonlyMap<string, Face>): readonly Family[] {
  const { openCalls, connections, heldBytes, turnedAway } = instruments;
  return [
    family(
      openCalls,
      "gauge",
      faces,
      one((load) => load.openCalls),
    ),
    family(
      connections,
      "gauge",
      faces,
      one((load) => load.connections),
    ),
    family(
      heldBytes,
      "gauge",
      faces,
      one((load) => load.heldBytes + load.connectionBytes),
    ),
    family(turnedAway, "counter", faces, ({ refused }, face) =>
      Object.entries(refused).map(([reason, value]) => ({ labels: { face, reason }, value })),
    ),
  ];
}

type Read = (load: ServerLoad, face: string) => readonly Sample[];

function one(read: (load: ServerLoad) => number): Read {
  return (load, face) => [{ labels: { face }, value: read(load) }];
}

function family(
  { name, description }: { readonly name: string; readonly description: string },
  type: Family["type"],
  faces: ReadonlyMap<string, Face>,
  read: Read,
): Family {
  const samples = [...faces].flatMap(([face, { load }]) => read(load, face));
  return { name: name.replaceAll(".", "_"), help: description, type, samples };
}
