// Where the parts of this checkout lie, as seen from the compiled tests.

import { join } from 'node:path'

export const ROOT = join(__dirname, '..', '..', '..')
/** The compiled library, as `require` takes it. */
export const LIB = join(ROOT, 'dist', 'lib')
export const EXAMPLES = join(ROOT, 'dist', 'examples')
/** Processes that tests start. */
export const PROGRAMS = join(ROOT, 'dist', 'test', 'programs')
