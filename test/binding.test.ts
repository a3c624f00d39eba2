// What a user is told whose addon is not there, or is there and does not load.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { makePackage } from './support/package'
import { ROOT } from './support/paths'
import { tempDir } from './support/temp-dir'

/** A copy of the package as a user has it, with no addon in it. */
function copyOfPackage(folder: string): string {
  const copy = path.join(folder, 'node_modules', 'rollcall')
  for (const name of ['package.json', path.join('dist', 'package')])
    fs.cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true })
  fs.symlinkSync(
    path.join(ROOT, 'node_modules', 'node-gyp-build'),
    path.join(folder, 'node_modules', 'node-gyp-build'),
  )
  return copy
}

function addonOf(copy: string): string {
  return path.join(copy, 'build', 'Release', 'rollcall.node')
}

/** The message of what `require('rollcall')` throws. */
function told(copy: string, options: string[] = []): string {
  const program = `try { require(${JSON.stringify(copy)}); console.log('loaded') } catch (error) { console.log(error.message) }`
  const { stdout, stderr } = spawnSync(process.execPath, [...options, '-e', program], { encoding: 'utf8' })
  assert.equal(stderr.replace(/^\(node.*|^\(Use .*/gm, '').trim(), '')
  return stdout.trim()
}

describe('A package', () => {
  let copy: string

  beforeEach(() => {
    makePackage()
    copy = copyOfPackage(tempDir())
  })

  function withAddon(): void {
    fs.cpSync(path.join(ROOT, 'build', 'Release', 'rollcall.node'), addonOf(copy))
  }

  it('loads its addon', () => {
    withAddon()

    assert.equal(told(copy), 'loaded')
  })

  it('without an addon says so, and how to build one', () => {
    assert.match(
      told(copy),
      /^rollcall has no native addon for .*\. Build it with: npm --prefix '.*' run install/,
    )
  })

  it('moved into a bundle says that it must stay out of it', () => {
    const bundle = path.join(tempDir(), 'a', 'b', 'bundle.js')
    fs.mkdirSync(path.dirname(bundle), { recursive: true })
    const code = fs.readFileSync(path.join(copy, 'dist', 'package', 'rollcall.js'), 'utf8')
    const nearby = JSON.stringify(path.join(copy, 'dist', 'package', 'util.js'))
    const gyp = JSON.stringify(path.join(ROOT, 'node_modules', 'node-gyp-build'))
    fs.writeFileSync(
      bundle,
      code
        .replaceAll(/require\("\.\/util\.js"\)|require\('\.\/util\.js'\)/g, `require(${nearby})`)
        .replaceAll('"node-gyp-build"', gyp),
    )

    assert.match(told(bundle), /is not its package: keep 'rollcall' out of the bundle/)
  })

  it('whose addon is cut short says so first', () => {
    withAddon()
    fs.truncateSync(addonOf(copy), 100)

    assert.match(
      told(copy),
      /^rollcall cannot load its native addon .*rollcall\.node: .*(cannot read file data|file too short|invalid ELF header|not a mach-o).*; it is damaged or was built for another machine/,
    )
  })

  it('whose addon was built for another C library says so first', () => {
    fs.mkdirSync(path.dirname(addonOf(copy)), { recursive: true })
    const source = path.join(tempDir(), 'musl.c')
    fs.writeFileSync(source, 'int nothing;')
    const other = path.join(path.dirname(source), 'libc.musl-none.so.1')
    execFileSync('cc', ['-shared', '-o', other, source, '-nostdlib', '-Wl,-soname,libc.musl-none.so.1'])
    execFileSync('cc', ['-shared', '-o', addonOf(copy), source, '-nostdlib', '-Wl,--no-as-needed', other])
    fs.rmSync(other)

    assert.match(
      told(copy),
      /rollcall\.node: .*libc\.musl-none\.so\.1.*; it was built for another C library; build it here/,
    )
  })

  it('whose addon is of another release says so', () => {
    fs.mkdirSync(path.dirname(addonOf(copy)), { recursive: true })
    const source = path.join(tempDir(), 'other.c')
    fs.writeFileSync(source, 'void *napi_register_module_v1(void *env, void *exports) { return exports; }')
    execFileSync('cc', ['-shared', '-fPIC', '-o', addonOf(copy), source])

    assert.match(
      told(copy),
      /rollcall\.node is of another release: its interface is 0, .*Build it with: npm /,
    )
  })

  it('says which flag of Node keeps its addon out', () => {
    withAddon()

    assert.match(told(copy, ['--no-addons']), /rollcall\.node: .*; start Node .*without --no-addons/)
    const allowed = process.allowedNodeEnvironmentFlags
    const permission = allowed.has('--permission') ? '--permission' : '--experimental-permission'
    assert.match(
      told(copy, [permission, '--allow-fs-read=*']),
      /rollcall\.node: .*; start Node with --allow-addons/,
    )
  })

  it('on a file system that may run nothing says so', function () {
    if (process.getuid?.() !== 0 || process.platform !== 'linux') this.skip() // only root can mount
    withAddon()
    const folder = path.dirname(addonOf(copy))
    execFileSync('mount', ['--bind', folder, folder])
    try {
      execFileSync('mount', ['-o', 'remount,bind,noexec', folder])

      assert.match(
        told(copy),
        /rollcall\.node: .*failed to map segment.*; its file system is probably mounted noexec/,
      )
    } finally {
      execFileSync('umount', ['-l', folder])
    }
  })
})
