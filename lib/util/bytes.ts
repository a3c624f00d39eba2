// Bytes as callers and packages want them.

export const EMPTY: Buffer = Buffer.alloc(0)

/** The same bytes as a Buffer, without a copy; bytes from another thread are none. */
export function asBuffer(data: Uint8Array): Buffer {
  return Buffer.isBuffer(data) ? data : Buffer.from(data.buffer, data.byteOffset, data.length)
}
