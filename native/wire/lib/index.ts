export type { Admission, AdmissionRefusal, AskedCall, WireCaller, WireGuard } from "./admission";
export { probeWire, type WireLimits } from "./native";
export { type StreamHandler, type UnaryHandler, Wire, type WireTls } from "./wire";
export type { CallListener, MessageParts, WireCall } from "./wire-call";
export { type InferArrival, type InferHandler, LinkBytes, WireInferCall } from "./wire-infer-call";
export type { WireAnswer, WireLink, WireLinkListener, WireLoad, WireQuery, WireRefusal } from "./wire-link";
