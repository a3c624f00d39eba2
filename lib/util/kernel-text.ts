// What the kernel says in a file of /proc or /sys. It may be gone, or closed to us, at any moment.

import { readFileSync } from 'node:fs'

export function kernelText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
