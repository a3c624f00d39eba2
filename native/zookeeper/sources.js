// Unpacks the sources of the ZooKeeper C client for the build: what binding.gyp runs when it is read. Prints the folder,
// or nothing where the package that carries them is not installed: then the addon for ZooKeeper is not built.
//
// They are in the npm package zookeeper, whose own addon is neither built nor loaded. Nothing of it is in this repository.

const { spawnSync } = require('node:child_process')
const { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')

const VERSION = '7.3.0'
const FOLDER = 'zookeeper-client-c'
const PARTS = ['src', 'include', 'generated', 'LICENSE', 'NOTICE.txt']

function packageFolder() {
  try {
    return dirname(require.resolve('zookeeper/package.json'))
  } catch {
    return undefined
  }
}

function fail(why) {
  console.error(`rollcall: cannot unpack the sources of the ZooKeeper client: ${why}`)
  process.exit(1)
}

function unpack(from, into) {
  const { version } = JSON.parse(readFileSync(join(from, 'package.json'), 'utf8'))
  // Another version may carry another client, which nobody has tried with the glue in this folder.
  if (version !== VERSION) fail(`they come with zookeeper ${VERSION}, and ${version} is installed in ${from}`)
  const stamp = join(into, 'unpacked-from')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === version) return
  rmSync(into, { recursive: true, force: true })
  mkdirSync(into, { recursive: true })
  const archive = join(from, 'deps', `${FOLDER}.tar.gz`)
  const members = PARTS.map((part) => `${FOLDER}/${part}`)
  const args = ['-xzf', archive, '-C', into, ...members]
  const { status, error, stderr } = spawnSync('tar', args, { encoding: 'utf8' })
  if (status !== 0) fail(error?.message ?? stderr)
  const hashtable = join(into, FOLDER, 'src', 'hashtable', 'LICENSE.txt')
  copyFileSync(hashtable, join(into, FOLDER, 'LICENSE-hashtable.txt'))
  writeFileSync(stamp, version)
}

const from = packageFolder()
if (from !== undefined) {
  unpack(from, join('build', 'zookeeper'))
  // gyp takes paths as they are in binding.gyp: relative to it.
  console.log(`build/zookeeper/${FOLDER}`)
}
