// Which release this is. A file of its own, loaded when it is asked for: only so does it lie where it was compiled to, and
// finds the package.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'

// As seen from the compiled file, dist/lib/metrics/release.js.
const PACKAGE = join(__dirname, '..', '..', '..', 'package.json')

export const { version } = JSON.parse(readFileSync(PACKAGE, 'utf8')) as { version: string }
