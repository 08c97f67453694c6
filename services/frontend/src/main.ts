#!/usr/bin/env node
import { userMethodRole } from "@infaas/api";
import { runService, tuneProcess } from "@infaas/runtime";
import { frontendOptions } from "./config";
import { startFrontend } from "./frontend";
import { instruments } from "./metrics";
import { VERSION } from "./version";

tuneProcess();

runService({
  name: "infaas-frontend",
  options: frontendOptions,
  instruments,
  requirementOf: userMethodRole,
  about: ({ name, listen, httpListen, traceSampleRatio }) => ({
    listens: httpListen === "none" ? [listen] : [listen, httpListen],
    instance: name,
    logFields: { service: name },
    traceSampleRatio,
  }),
  start: (config, world) => startFrontend(config, { ...world, version: VERSION }, world.lifecycle),
});
