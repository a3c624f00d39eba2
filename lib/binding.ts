// The only importer of the addon.

import { join } from 'node:path'

const native = require('node-gyp-build')(join(__dirname, '..', '..'))

/** 0 off, 1 searching, 2 guarding: see cloexec.cc. */
export const guardSockets: (mode: 0 | 1 | 2) => number = native.guardSockets
