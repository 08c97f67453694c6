import { Code, codeName, codeOf, MESSAGE_CHARS_MAX, ServiceError } from "./errors";

describe("ServiceError", () => {
  it("has a stack when it is a bug, and none when it is a refusal", () => {
    expect(new ServiceError(Code.INTERNAL, "this is a bug").stack).toContain("errors.test");
    expect(new ServiceError(Code.RESOURCE_EXHAUSTED, "queue of 8 is full").stack).not.toContain(" at ");
    expect(new Error("after it").stack).toContain("errors.test");
  });
});

describe("a ServiceError with a long message", () => {
  it("keeps how it begins and ends", () => {
    const { message } = new ServiceError(
      Code.NOT_FOUND,
      `model '${"a".repeat(70_000)}' is not known; known: b`,
    );
    expect(message.length).toBeLessThanOrEqual(MESSAGE_CHARS_MAX);
    expect(message).toMatch(/^model 'a+…a+' is not known; known: b$/);
  });
});

describe("ServiceError.from", () => {
  it("returns what is one already", () => {
    const error = new ServiceError(Code.NOT_FOUND, "no task 'x'");
    expect(ServiceError.from(error)).toBe(error);
  });

  it("takes an abort for CANCELLED, and keeps the cause of anything else as INTERNAL", () => {
    const controller = new AbortController();
    controller.abort();
    expect(ServiceError.from(controller.signal.reason).code).toBe(Code.CANCELLED);
    const cause = new TypeError("x is undefined");
    expect(ServiceError.from(cause)).toMatchObject({ code: Code.INTERNAL, message: "x is undefined", cause });
    expect(ServiceError.from("text").message).toBe("text");
  });
});

describe("codeOf and codeName", () => {
  it("know the table and take the rest for UNKNOWN", () => {
    expect(codeOf(14)).toBe(Code.UNAVAILABLE);
    expect(codeOf(99)).toBe(Code.UNKNOWN);
    expect(codeName(Code.DATA_LOSS)).toBe("DATA_LOSS");
  });
});
