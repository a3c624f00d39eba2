// What npm runs when somebody installs rollcall. Where a prebuilt addon fits this machine, and it nearly always does,
// there is nothing to do, and nothing is lost where install scripts are off. Otherwise the addon is built.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { missingTools } from './compiler.mjs'

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const require = createRequire(import.meta.url)

if (!isThere()) {
  const where = `${process.platform}-${process.arch}`
  const missing = missingTools()
  if (missing !== undefined) {
    fail(
      `rollcall has no prebuilt addon for ${where}. ${missing}\nThen run: npm --prefix '${root}' run install`,
    )
  }
  const { status } = spawnSync(process.execPath, [require.resolve('node-gyp-build/bin.js')], {
    cwd: root,
    stdio: 'inherit',
  })
  if (status !== 0) fail(`rollcall's addon could not be built for ${where}; the compiler's words are above`)
}

/** Whether there is an addon that loads. */
function isThere() {
  try {
    require('node-gyp-build')(root)
    return true
  } catch {
    return false
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
