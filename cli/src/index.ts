/** What the operator's hand has that others run without it: a simulation starts hosts by the same code. */
export type { CpuBudgets } from "./hosts/cpu-budget";
export { LocalHosts, type LocalHostsOptions } from "./hosts/local-hosts";
export type { ProcessSpec, ProcessWatch } from "./system/process-group";
