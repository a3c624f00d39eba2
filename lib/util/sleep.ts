// A pause for calls that promise to be synchronous, such as update() while somebody else claims.

const nobodyWakes = new Int32Array(new SharedArrayBuffer(4))

export function sleepSync(milliseconds: number): void {
  Atomics.wait(nobodyWakes, 0, 0, milliseconds)
}
