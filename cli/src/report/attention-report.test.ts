import { create } from "@bufbuild/protobuf";
import { BatchingCertificate, ListModelsResponseSchema } from "@infaas/api";
import { attentionOf } from "./attention-report";

/** A listing of one model, batched by this ground. */
const listing = (batchingCertificate: BatchingCertificate, variant: object) =>
  create(ListModelsResponseSchema, {
    architectures: [{ name: "net", version: 2, batchable: true, batchingCertificate }],
    variants: [{ name: "net-b16", architecture: "net", version: 2, ...variant }],
  });

describe("attentionOf", () => {
  it("is nothing of a variant that serves as it was registered", () => {
    expect(attentionOf(listing(BatchingCertificate.PROVEN, {}))).toEqual([]);
  });

  it.each([
    ["by its owner's word", BatchingCertificate.OWNER, "without --batchable"],
    ["by proof", BatchingCertificate.PROVEN, "report the model as a bug"],
  ])("tells why batching ended of one batched %s, and what to do", (_, ground, remedy) => {
    expect(attentionOf(listing(ground, { batchingEnded: "rows met" }))).toEqual([
      { variant: "net-b16", found: "rows met", remedy: expect.stringContaining(remedy) },
    ]);
  });

  it("tells why nothing was measured, and what to do", () => {
    expect(attentionOf(listing(BatchingCertificate.ALONE, { unprofiledReason: "no input" }))).toEqual([
      { variant: "net-b16", found: "no input", remedy: expect.stringContaining("--examples") },
    ]);
  });
});
