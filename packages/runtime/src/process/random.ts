import { randomBytes, randomFillSync } from "node:crypto";

/** A source of random numbers. */
export interface Random {
  /** Uniform in [0, 1). */
  next(): number;
  /** `bytes` random bytes as lower-case hexadecimal. */
  hex(bytes: number): string;
}

/** Bytes asked of the system at a time: a call costs as much as many identifiers. */
const POOL_BYTES = 4_096;
const pool = Buffer.alloc(POOL_BYTES);
let poolAt = POOL_BYTES;

/** Unpredictable numbers for identifiers and sampling; no byte is given twice. */
export const systemRandom: Random = {
  next: () => Math.random(),
  hex: (bytes) => {
    if (bytes > POOL_BYTES) return randomBytes(bytes).toString("hex");
    if (poolAt + bytes > POOL_BYTES) {
      randomFillSync(pool);
      poolAt = 0;
    }
    poolAt += bytes;
    return pool.toString("hex", poolAt - bytes, poolAt);
  },
};

/**
 * The same numbers for the same seed (a 32-bit Weyl sequence through the murmur3 finaliser). Not for secrets.
 */
export function seededRandom(seed: number): Random {
  const { imul } = Math;
  let state = seed >>> 0;
  const nextWord = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let word = state;
    word = imul(word ^ (word >>> 16), 0x85ebca6b);
    word = imul(word ^ (word >>> 13), 0xc2b2ae35);
    return (word ^ (word >>> 16)) >>> 0;
  };
  return {
    next: () => nextWord() / 2 ** 32,
    hex: (bytes) =>
      Array.from({ length: bytes }, () => (nextWord() & 0xff).toString(16).padStart(2, "0")).join(""),
  };
}
