import type { Adapter, DataType } from "@infaas/api";
import type { Code } from "@infaas/runtime";

/** What an adapter process is told. Elements are numbered by whoever sends them. */
export type AdapterOrder =
  | {
      readonly kind: "start";
      readonly parentPid: number;
      /** Writable private memory it may have beside what it starts with, bytes. */
      readonly dataBytesMax: number;
    }
  | {
      readonly kind: "adapt";
      readonly element: number;
      readonly adapter: Adapter;
      readonly datatype: DataType;
      readonly bytes: Uint8Array;
    };

/** What an adapter process tells. */
export type AdapterReport =
  | { readonly kind: "ready" }
  | { readonly kind: "adapted"; readonly element: number; readonly row: Uint8Array }
  | {
      readonly kind: "refused";
      readonly element: number;
      readonly code: Code;
      readonly message: string;
    };
