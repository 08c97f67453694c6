/** Value of an attribute that stands for all that are not told apart, as OpenTelemetry's conventions have it. */
export const OTHER_NAME = "_OTHER";
