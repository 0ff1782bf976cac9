// The digest of a sequence of lines, as defined in docs/reference/protocol.md.

const MODULUS = 2n ** 61n - 1n;
const BASE = 0x1e3779b97f4a7c15n;

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** Return zlib's CRC-32 of a text in UTF-8. */
export function crc32(text) {
  let crc = 0xffffffff;
  for (const byte of new TextEncoder().encode(text)) crc = TABLE[(crc ^ byte) & 0xff] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The digest of the lines added so far. */
export class Digest {
  #value = 0n;

  /** Add the line with this CRC-32. */
  add(crc) {
    this.#value = (this.#value * BASE + BigInt(crc) + 1n) % MODULUS;
  }

  /** Return sixteen hexadecimal digits. */
  toString() {
    return this.#value.toString(16).padStart(16, "0");
  }
}
