export { probeWire } from "./native";
export { type ServerLimits, serverLimitsDefault } from "./server-limits";
export { type StreamHandler, type UnaryHandler, Wire } from "./wire";
export type { CallListener, WireCall } from "./wire-call";
