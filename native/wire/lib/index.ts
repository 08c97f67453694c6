export type { Admission, AdmissionRefusal, AskedCall, WireGuard } from "./admission";
export { type InferArrival, InferCall, type InferHandler, LinkBytes } from "./infer-call";
export { probeWire, type WireLimits } from "./native";
export { type StreamHandler, type UnaryHandler, Wire, type WireTls } from "./wire";
export type { CallListener, MessageParts, WireCall } from "./wire-call";
export type { LinkAnswer, LinkListener, LinkQuery, LinkRefusal, LinkReport, WireLink } from "./wire-link";
