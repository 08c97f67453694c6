/**
 * jest's Node environment with the typed arrays of Node itself: jest gives each test file its own, and onnxruntime's
 * tensors, made outside, are then instances of the wrong class.
 */
const { TestEnvironment } = require("jest-environment-node");

module.exports = class extends TestEnvironment {
  constructor(config, context) {
    super(config, context);
    Object.assign(this.global, { Float32Array, BigInt64Array, Int32Array });
  }
};
