// What npm runs when somebody installs rollcall. Where prebuilt addons fit this machine, and they nearly always do,
// there is nothing to do, and nothing is lost where install scripts are off. Otherwise the addons are built: also where
// they are of another release, and where the sources of the ZooKeeper client have come since.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
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
    // It would be content with any addon that loads.
    env: { ...process.env, npm_config_build_from_source: 'true' },
  })
  if (status !== 0) fail(`rollcall's addon could not be built for ${where}; the compiler's words are above`)
}

/** Whether each addon that can be here is here, loads, and is of this release. */
function isThere() {
  try {
    const addon = require('node-gyp-build').path(root)
    const zookeeper = join(dirname(addon), basename(addon).replace('rollcall', 'rollcall_zookeeper'))
    return isOfThisRelease(addon) && (!hasZookeeperSources() || isOfThisRelease(zookeeper))
  } catch {
    return false
  }
}

function isOfThisRelease(addon) {
  const loaded = require(addon)
  const header = join(root, 'native', 'core', 'interface.h')
  if (!existsSync(header)) return true
  const [, ours] = /kInterface = (\d+);/.exec(readFileSync(header, 'utf8'))
  return loaded.interface === Number(ours)
}

/** What native/zookeeper/sources.js unpacks. */
function hasZookeeperSources() {
  try {
    require.resolve('zookeeper/package.json')
    return true
  } catch {
    return false
  }
}

function fail(message) {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
