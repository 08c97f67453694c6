export { type FrontendConfig, frontendOptions } from "./config";
export { type Frontend, type FrontendPorts, startFrontend } from "./frontend";
