// Two methods that every Buffer has and its types leave out: Latin-1 with nothing around it.

interface Latin1 {
  latin1Slice(from: number, to: number): string
  /** Returns how many bytes were written. */
  latin1Write(text: string, at: number, most: number): number
}

export function latin1(buffer: Buffer<ArrayBufferLike>): Buffer & Latin1 {
  return buffer as Buffer & Latin1
}
