// Loads the addon as every package with an addon does, and nothing of rollcall around it.

import { ROOT } from '../harness/paths'

module.exports = (require('node-gyp-build') as (root: string) => unknown)(ROOT)
