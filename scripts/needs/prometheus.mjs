// Finds Prometheus and its promtool for the tests of our metrics and rules, installs Debian's package where it may,
// and otherwise says what to do. Prints the directory of the two programs on standard output.
//
//   node scripts/needs/prometheus.mjs
//
// Looked for on the PATH.

import { dirname } from 'node:path'
import { locate } from '../tools.mjs'
import { installDebianPackages } from './debian.mjs'

const find = () => (locate('promtool') === undefined ? undefined : locate('prometheus'))

let path = find()
if (path === undefined) {
  installDebianPackages('prometheus')
  path = find()
}
if (path === undefined) {
  console.error(`No Prometheus was found.

Our metrics are scraped by a real one, and our rules are read by its promtool. Either
  - install your system's package (Debian, Ubuntu: apt-get install prometheus), or
  - set ROLLCALL_TEST_PROMETHEUS=skip to leave those tests out.`)
  process.exit(1)
}
console.log(dirname(path))
