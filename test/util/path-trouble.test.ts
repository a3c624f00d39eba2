// What is said of a path that cannot be used: whose it is, who we are, and what helps. The library and the commands say the same.

import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { Scoreboard } from '../../lib'
import { isNobodyKnown } from '../../lib/util/users'
import { MAIN } from '../support/cli'
import { NOBODY, type OtherUser, onlyAsRoot, otherUser, SOMEBODY } from '../support/other-user'
import { LIB } from '../support/paths'
import { tempDir } from '../support/temp-dir'

describe('A path that refuses us', () => {
  onlyAsRoot()

  let above: string
  beforeEach(() => {
    above = tempDir()
    fs.chmodSync(above, 0o755)
  })
  const openAs = async (other: OtherUser, options: object) => {
    const { message } = await other.ask({ what: 'open', options: { slots: 4, ...options } })
    return message
  }
  const US = `we are user ${SOMEBODY}, group ${SOMEBODY}`

  it('is a directory above, the directory itself, or the file, whatever it is opened for', async () => {
    const baseDir = path.join(above, 'board')
    const other = await otherUser(SOMEBODY)

    const none = await openAs(other, { baseDir })
    new Scoreboard({ baseDir, slots: 4 }).close()
    const closed = await openAs(other, { baseDir, readOnly: true })
    fs.chmodSync(baseDir, 0o755)
    const reader = await openAs(other, { baseDir, readOnly: true })
    fs.chownSync(baseDir, SOMEBODY, SOMEBODY)
    const writer = await openAs(other, { baseDir })

    assert.match(none!, new RegExp(`${above} belongs to user 0 and group 0 \\(mode 0755\\), and ${US}:`))
    assert.match(closed!, new RegExp(`board belongs to user 0 and group 0 \\(mode 0700\\), and ${US}:`))
    for (const message of [reader, writer]) {
      assert.match(
        message!,
        new RegExp(`board/board belongs to user 0 and group 0 \\(mode 0600\\), and ${US}:`),
      )
    }
  })

  it('is open to the group of the directory above, where that gives its group on', async () => {
    const group = 2000
    fs.chownSync(above, 0, group)
    fs.chmodSync(above, 0o2755)
    const baseDir = path.join(above, 'board')
    using board = new Scoreboard({ baseDir, slots: 4, mode: 0o640 })
    board.update('x'.repeat(5000))

    const reader = await openAs(await otherUser(NOBODY, group), { baseDir, readOnly: true })

    assert.equal(fs.statSync(baseDir).mode & 0o7777, 0o2750)
    assert.equal(reader, undefined)
    for (const name of fs.readdirSync(baseDir)) assert.equal(fs.statSync(path.join(baseDir, name)).gid, group)
  })

  it('has been removed under its mount: the worker and ls say so', function () {
    const [source, target] = [path.join(above, 'source'), path.join(above, 'target')]
    for (const one of [source, target]) fs.mkdirSync(one)
    const script =
      'mount --bind "$1" "$2" && unshare -m sh -c "umount \\"$2\\"; rmdir \\"$1\\"" sh "$1" "$2"; shift 2; "$@"'
    const inside = (...command: string[]) =>
      spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', source, target, process.execPath, ...command], {
        encoding: 'utf8',
      })
    const open = `try { new (require(${JSON.stringify(LIB)}).Scoreboard)({ baseDir: process.argv[1] }) } catch (e) { console.log(e.message) }`

    const worker = inside('-e', open, target)
    if (worker.status !== 0) this.skip() // no mounts here
    fs.mkdirSync(source, { recursive: true })
    const ls = inside(MAIN, 'ls', target)

    const says = /target was removed where it is mounted from.*mount the directory above/
    assert.match(worker.stdout, says)
    assert.match(ls.stderr, says)
  })
})

describe('A user of whom nobody knows who that is', () => {
  onlyAsRoot()

  it('is none outside of user namespaces', function () {
    if (!/^\s*0\s+0\s+4294967295\s*$/.test(fs.readFileSync('/proc/self/uid_map', 'utf8'))) this.skip()
    assert.equal(isNobodyKnown(NOBODY), false)
  })

  it('is trusted with nothing, by those of its number either', function () {
    const baseDir = tempDir()
    fs.chownSync(baseDir, SOMEBODY, SOMEBODY)
    fs.chmodSync(baseDir, 0o777)
    const open = `try { new (require(${JSON.stringify(LIB)}).Scoreboard)({ baseDir: process.argv[1], mode: 0o666 }) } catch (e) { console.log(process.geteuid(), e.code, e.message) }`

    const { status, stdout } = spawnSync('unshare', ['-U', process.execPath, '-e', open, baseDir], {
      encoding: 'utf8',
    })
    if (status !== 0) this.skip() // no user namespaces here

    assert.match(stdout, /^65534 ERR_INSECURE_PATH .*user 65534 \(in this user namespace anybody/)
  })

  it('is itself, where the kernel says so', async function () {
    const [mine, other] = [tempDir(), tempDir()]
    fs.chownSync(mine, 100_000 + NOBODY, 100_000 + NOBODY)
    fs.chownSync(other, SOMEBODY, SOMEBODY)
    fs.chmodSync(other, 0o777)
    // Where that user may read it, wherever this checkout lies.
    const util = tempDir()
    fs.cpSync(path.join(LIB, 'util'), util, { recursive: true })
    spawnSync('chmod', ['-R', 'a+rX', util])
    const trust = path.join(util, 'trust.js')
    const ask = `const { checkDirectory } = require(${JSON.stringify(trust)})
      for (const one of process.argv.slice(1)) try { checkDirectory(one, 0o666); console.log('good') } catch (e) { console.log(e.code) }`
    const user = 'setpriv --reuid=65534 --regid=65534 --clear-groups --ambient-caps=-all --inh-caps=-all "$@"'
    const inside = ['sh', '-c', `echo; read go; ${user}`, 'sh', process.execPath, '-e', ask, mine, other]
    const child = spawn('unshare', ['-U', '--keep-caps', ...inside])
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    if ((await lines.next()).done) this.skip() // no user namespaces here
    for (const map of ['uid_map', 'gid_map']) fs.writeFileSync(`/proc/${child.pid}/${map}`, '0 100000 65536')
    child.stdin.write('go\n')

    const answers = [await lines.next(), await lines.next()].map(({ value }) => value)

    assert.deepEqual(answers, ['good', 'ERR_INSECURE_PATH'])
  })
})

describe('A link that leads nowhere, where a board is to be', () => {
  it('is said to be a link', () => {
    const link = path.join(tempDir(), 'link')
    fs.symlinkSync('nowhere', link)

    const { status, stderr } = spawnSync(process.execPath, [MAIN, 'ls', link], { encoding: 'utf8' })

    assert.match(stderr, /it is a symbolic link/)
    assert.equal(status, 77)
  })
})

describe('A package on a file system that runs no programs', () => {
  onlyAsRoot()

  it('is one line and exit code 69, not a bug of ours', function () {
    const build = path.join(LIB, '..', '..', 'build')
    const noexec = 'mount --bind "$1" "$1" && mount -o remount,bind,noexec "$1" || exit 99; shift; "$@"'
    const baseDir = tempDir()
    new Scoreboard({ baseDir, slots: 4 }).close()

    const { status, stderr } = spawnSync(
      'unshare',
      ['-m', 'sh', '-c', noexec, 'sh', build, process.execPath, MAIN, 'ls', baseDir],
      { encoding: 'utf8' },
    )
    if (status === 99 || !fs.existsSync(build)) this.skip() // no mounts here, or no addon of our own

    assert.match(stderr, /^rollcall: .*mounted noexec.*\n$/)
    assert.equal(status, 69)
  })
})

describe('A limit of open files', () => {
  it('is named where it is in the way', () => {
    const baseDir = tempDir()
    const open = `
      const fs = require('fs')
      const { Scoreboard } = require(${JSON.stringify(LIB)})
      try { for (;;) fs.openSync('/dev/null') } catch {}
      try { new Scoreboard({ baseDir: process.argv[1] }) } catch (e) { console.log(e.message) }`
    const run = 'ulimit -n 64; exec "$@"'

    const { stdout } = spawnSync('sh', ['-c', run, 'sh', process.execPath, '-e', open, baseDir], {
      encoding: 'utf8',
    })

    assert.match(stdout, /EMFILE.*ulimit -n/)
  })
})
