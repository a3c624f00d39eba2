// Directories that live as long as one test.

import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A new empty directory, removed after the test that is running. */
export function tempDir(base = os.tmpdir()): string {
  const directory = fs.mkdtempSync(path.join(base, 'rollcall-test-'))
  directories.push(directory)
  return directory
}

const directories: string[] = []

afterEach(() => {
  // A process that is ending may still make a file.
  const options = { recursive: true, force: true, maxRetries: 10, retryDelay: 100 }
  for (const directory of directories.splice(0)) fs.rmSync(directory, options)
})
