// A file system of its own that is soon full: a small tmpfs, or a small btrfs.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'

/** Mounts one on an empty directory; false: only root may. `options` are those of the mount. */
export function mountSmallDisk(directory: string, options: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory]).status === 0
}

/** Makes one in an image and mounts it on an empty directory; false: only root may, and mkfs.btrfs must be there. */
export function mountSmallBtrfs(directory: string, image: string): boolean {
  fs.writeFileSync(image, '')
  fs.truncateSync(image, 120 << 20)
  const made = spawnSync('mkfs.btrfs', ['--quiet', image]).status === 0
  return made && spawnSync('mount', ['-o', 'loop', image, directory]).status === 0
}

/** Writes the file `filler` until not even `smallest` bytes fit. */
export function fillUp(directory: string, smallest = 1): void {
  const filler = fs.openSync(path.join(directory, 'filler'), 'a')
  try {
    for (let size = 1 << 20; size >= smallest; size >>= 1) {
      try {
        while (fs.writeSync(filler, Buffer.alloc(size)) === size);
      } catch {
        // Smaller pieces may still fit.
      }
    }
  } finally {
    fs.closeSync(filler)
  }
}
