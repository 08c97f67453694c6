/** One configuration for every room; `x.test.ts` stands beside `x.ts`, whole-process stories live in e2e. */
const swc = [
  "@swc/jest",
  { jsc: { target: "es2022", parser: { syntax: "typescript" } }, sourceMaps: "inline" },
];
module.exports = {
  testEnvironment: "node",
  roots: [
    "<rootDir>/packages",
    "<rootDir>/services",
    "<rootDir>/native/cuda-batcher",
    "<rootDir>/native/wire",
    "<rootDir>/cli",
    "<rootDir>/console",
    "<rootDir>/bench",
    "<rootDir>/e2e",
    "<rootDir>/zoo",
  ],
  testMatch: ["**/*.test.ts"],
  modulePathIgnorePatterns: ["/dist/", "/build/"],
  transform: { "^.+\\.ts$": swc },
  moduleNameMapper: {
    "^@infaas/(runtime|cluster|onnx)/testing/(.*)$": "<rootDir>/packages/$1/src/testing/$2.ts",
    "^@infaas/api/messages$": "<rootDir>/packages/api/src/messages.ts",
    "^@infaas/(policy|api|onnx|runtime|cluster|adapters|client)$": "<rootDir>/packages/$1/src/index.ts",
    "^@infaas/(frontend|metadata|executor)$": "<rootDir>/services/$1/src/index.ts",
    "^@infaas/cuda-batcher/testing$": "<rootDir>/native/cuda-batcher/lib/testing/index.ts",
    "^@infaas/(cuda-batcher|wire)$": "<rootDir>/native/$1/lib/index.ts",
  },
  testTimeout: 30000,
};
