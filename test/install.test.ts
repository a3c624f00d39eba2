// What npm runs when somebody installs rollcall, in a package with an addon of three lines instead of ours.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from './support/paths'
import { tempDir } from './support/temp-dir'

const ADDON = `#include <node_api.h>
NAPI_MODULE_INIT() { return exports; }
`

const INTERFACE_ADDON = `#include <node_api.h>
#include "native/core/interface.h"
NAPI_MODULE_INIT() {
  napi_value number;
  napi_create_int32(env, kInterface, &number);
  napi_set_named_property(env, exports, "interface", number);
  return exports;
}
`

/** A package whose install script is ours, below a path that a careless command line would break. */
function packageWith(source: string): string {
  const root = join(tempDir(), 'an addon, böse')
  cpSync(join(ROOT, 'scripts', 'install'), join(root, 'scripts', 'install'), { recursive: true })
  mkdirSync(join(root, 'node_modules'))
  for (const name of ['node-gyp-build', 'node-gyp']) has(root, name)
  const files = {
    'package.json': {
      name: 'small',
      version: '1.0.0',
      scripts: { install: 'node scripts/install/addon.mjs' },
    },
    'binding.gyp': { targets: [{ target_name: 'rollcall', sources: ['small.cc'] }] },
  }
  for (const [name, content] of Object.entries(files))
    writeFileSync(join(root, name), JSON.stringify(content))
  writeFileSync(join(root, 'small.cc'), source)
  return root
}

/** From now on it has this package. */
function has(root: string, name: string): void {
  symlinkSync(join(ROOT, 'node_modules', name), join(root, 'node_modules', name))
}

/** By npm, which knows where this machine has Node's headers. */
function install(root: string) {
  return spawnSync('npm', ['run', '--silent', 'install'], { cwd: root, encoding: 'utf8' })
}

/** With no program to be found but Node. */
function installWithoutTools(root: string) {
  const env = { PATH: join(root, 'nothing'), HOME: root }
  const script = join(root, 'scripts', 'install', 'addon.mjs')
  return spawnSync(process.execPath, [script], { cwd: root, encoding: 'utf8', env })
}

function loads(root: string): boolean {
  const program = `require('node-gyp-build')(${JSON.stringify(root)})`
  return spawnSync(process.execPath, ['-e', program], { cwd: root }).status === 0
}

describe('The installation of the package', function () {
  this.timeout(120_000)

  it('builds the addon where there is none that loads, and the second time has nothing to do', () => {
    const root = packageWith(ADDON)
    mkdirSync(join(root, 'prebuilds', `${process.platform}-${process.arch}`), { recursive: true })
    writeFileSync(
      join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'rollcall.node'),
      'of another machine',
    )

    const first = install(root)
    const again = installWithoutTools(root)

    assert.equal(first.status, 0, first.stderr)
    assert.ok(loads(root))
    assert.deepEqual([again.status, again.stdout, again.stderr], [0, '', ''])
  })

  it('builds it anew where it is of another release, or where the sources of the client for ZooKeeper have come', () => {
    const root = packageWith(INTERFACE_ADDON)
    mkdirSync(join(root, 'native', 'core'), { recursive: true })
    const header = join(root, 'native', 'core', 'interface.h')
    const interfaceIs = (number: number) => writeFileSync(header, `constexpr int kInterface = ${number};\n`)
    interfaceIs(1)
    install(root)
    const isNothingToDo = () => installWithoutTools(root).status === 0
    assert.ok(isNothingToDo())

    interfaceIs(2)

    assert.ok(!isNothingToDo())
    assert.equal(install(root).status, 0)
    assert.ok(isNothingToDo())
    has(root, 'zookeeper')
    assert.ok(!isNothingToDo())
    const addon = join(root, 'build', 'Release', 'rollcall')
    cpSync(`${addon}.node`, `${addon}_zookeeper.node`)
    assert.ok(isNothingToDo())
  })

  it('says what this machine lacks for that, how to get it, and what to run then', () => {
    const root = packageWith(ADDON)

    const { status, stderr } = installWithoutTools(root)

    assert.equal(status, 1)
    assert.match(stderr, /lacks make and a C\+\+ compiler and python3\.\n/)
    assert.match(stderr, /apt-get install g\+\+ make python3/)
    assert.ok(stderr.includes(`npm --prefix '${root}' run install`), stderr)
    assert.ok(!existsSync(join(root, 'build')))
  })

  it('fails where the compiler does, and leaves its words to be read', () => {
    const { status, stdout, stderr } = install(packageWith('#error these are its words'))

    assert.notEqual(status, 0)
    assert.match(stdout + stderr, /these are its words/)
    assert.match(stderr, /could not be built for \w+-\w+; the compiler's words are above/)
  })
})
