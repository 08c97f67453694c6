import { randomBytes } from "node:crypto";

/** The one source of chance. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `bytes` random bytes as lower-case hexadecimal. */
  hex(bytes: number): string;
}

/** Unpredictable numbers for identifiers and sampling. */
export const systemRandom: Random = {
  next: () => Math.random(),
  hex: (bytes) => randomBytes(bytes).toString("hex"),
};

/** The same numbers for the same seed (a 32-bit Weyl sequence through the murmur3 finaliser). Not for secrets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const nextWord = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let word = state;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return (word ^ (word >>> 16)) >>> 0;
  };
  return {
    next: () => nextWord() / 2 ** 32,
    hex: (bytes) =>
      Array.from({ length: bytes }, () => (nextWord() & 0xff).toString(16).padStart(2, "0")).join(""),
  };
}
