// Boards in directories that several users share, as containers and sidecars have them, and what others may put there.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { Scoreboard } from '../../lib'
import { runCli } from '../support/cli'
import { NOBODY, onlyAsRoot, otherUser, SOMEBODY } from '../support/other-user'
import { tempDir } from '../support/temp-dir'

const GROUP = 4242

function directoryOf(uid: number, gid: number, mode: number): string {
  const directory = path.join(tempDir(), 'd')
  fs.mkdirSync(directory)
  fs.chownSync(directory, uid, gid)
  fs.chmodSync(directory, mode)
  // mkdtemp makes what is above for its user alone.
  fs.chmodSync(path.dirname(directory), 0o755)
  return directory
}

describe('A board in a directory that several users share', function () {
  onlyAsRoot()
  this.timeout(60_000)

  const volumes: [name: string, uid: number, gid: number, bits: number, mode: number][] = [
    ['as an emptyDir of Kubernetes (0777)', 0, 0, 0o777, 0o666],
    ['as an emptyDir with the sticky bit (1777)', 0, 0, 0o1777, 0o666],
    ['as a volume with an fsGroup (2770)', 0, GROUP, 0o2770, 0o660],
  ]
  for (const [name, uid, gid, bits, mode] of volumes) {
    describe(name, () => {
      it('is read by its worker, by root and by another user, and written by another worker', async () => {
        const baseDir = directoryOf(uid, gid, bits)
        const [worker, other] = await Promise.all([NOBODY, SOMEBODY].map((user) => otherUser(user, GROUP)))
        const status = `long ${'x'.repeat(5000)}`
        await worker!.ask({ what: 'open', options: { baseDir, mode, workerId: 'worker' } })
        await worker!.ask({ what: 'board', method: 'update', args: [status] })

        for (const reader of [worker!, other!]) {
          await reader.ask({ what: 'open', options: { baseDir, readOnly: true } })
          const { value } = await reader.ask<Map<string, string>>({ what: 'board', method: 'readAll' })
          assert.equal(value!.get('worker'), status)
        }
        const { code, stdout } = await runCli(['ls', baseDir])
        assert.equal(code, 0)
        assert.match(stdout, /worker/)
        const opened = await other!.ask({ what: 'open', options: { baseDir, mode, workerId: 'second' } })
        assert.deepEqual(opened, { value: undefined })
        await other!.ask({ what: 'board', method: 'update', args: ['here too'] })
        using board = new Scoreboard({ baseDir, readOnly: true })
        assert.equal(board.readAll().get('second'), 'here too')
      })
    })
  }

  it('is refused to a worker that lets nobody else write, with what to do', async () => {
    const baseDir = directoryOf(0, 0, 0o777)
    const worker = await otherUser()

    const { code, message } = await worker.ask({ what: 'open', options: { baseDir } })

    assert.equal(code, 'ERR_INSECURE_PATH')
    assert.match(message!, /mode 0777\); chmod it, or allow them with the option 'mode' \(now 0600\)/)
  })

  it('is refused to a worker in a directory of another user, whatever its mode', async () => {
    const baseDir = directoryOf(SOMEBODY, SOMEBODY, 0o777)
    const worker = await otherUser()

    for (const mode of [0o600, 0o666]) {
      const { code } = await worker.ask({ what: 'open', options: { baseDir, mode } })
      assert.equal(code, 'ERR_INSECURE_PATH')
    }
  })

  it('is refused to a reader where neither it, nor root, nor the owner of the board has the directory', async () => {
    const baseDir = directoryOf(0, 0, 0o777)
    const worker = await otherUser(NOBODY)
    await worker.ask({ what: 'open', options: { baseDir, mode: 0o666 } })
    fs.chownSync(baseDir, SOMEBODY, SOMEBODY)

    assert.throws(() => new Scoreboard({ baseDir, readOnly: true }), { code: 'ERR_INSECURE_PATH' })
  })

  it('is cleaned by a verb that is told the mode, which the advice names', async () => {
    const baseDir = directoryOf(0, 0, 0o777)
    const worker = await otherUser()
    await worker.ask({ what: 'open', options: { baseDir, mode: 0o666 } })

    const refused = await runCli(['cleanup', baseDir])
    const done = await runCli(['cleanup', '--mode', '0666', baseDir])

    assert.equal(refused.code, 77)
    assert.match(refused.stderr, /allow them with --mode \[ERR_INSECURE_PATH\]/)
    assert.equal(done.code, 0)
  })
})

describe('A process that opened a board as root and is another user now', function () {
  onlyAsRoot()
  this.timeout(60_000)

  /** What it says when it publishes. */
  async function afterSetuid(bits: number, mode: number, claimsFirst: boolean, status: string) {
    const baseDir = directoryOf(0, 0, bits)
    const program = `
      const { Scoreboard } = require(${JSON.stringify(path.join(__dirname, '..', '..', 'lib'))})
      const baseDir = ${JSON.stringify(baseDir)}
      const board = new Scoreboard({ baseDir, mode: ${mode}, workerId: 'w' })
      if (${claimsFirst}) board.update('as root')
      process.setgroups([]), process.setgid(${NOBODY}), process.setuid(${NOBODY})
      try {
        board.update(${JSON.stringify(status)})
        console.log(JSON.stringify({ value: board.readAll().get('w') }))
      } catch ({ code, message }) {
        console.log(JSON.stringify({ code, message }))
      }`
    const { stdout } = spawnSync(process.execPath, ['-e', program], { encoding: 'utf8' })
    return JSON.parse(stdout) as { value?: string; code?: string; message?: string }
  }
  const REMEDY = /this process was user 0 and is user 65534 now: open it after the change of user/
  const LONG = 'x'.repeat(5000)

  it('goes on with the slot it had', async () => {
    assert.deepEqual(await afterSetuid(0o700, 0o600, true, 'short'), { value: 'short' })
  })

  it('takes a slot, and publishes long statuses, where it may', async () => {
    assert.deepEqual(await afterSetuid(0o777, 0o666, false, LONG), { value: LONG })
  })

  it('is told what to do where it may not take a slot', async () => {
    const { code, message } = await afterSetuid(0o700, 0o600, false, 'short')

    assert.equal(code, 'ERR_SYSTEM')
    assert.match(message!, REMEDY)
  })

  for (const [name, bits, mode] of [
    ['may not make a file', 0o700, 0o600],
    ['would make one that readers take for another worker\u2019s', 0o777, 0o666],
  ] as const) {
    it(`is told what to do where it ${name}`, async () => {
      const { code, message } = await afterSetuid(bits, mode, true, LONG)

      assert.equal(code, 'ERR_OVERFLOW_WRITE')
      assert.match(message!, REMEDY)
    })
  }
})

describe('A board and what others may have put beside it', () => {
  it('is refused where it has a second name, by which it is another board', () => {
    const [mine, shared] = [path.join(tempDir(), 'mine'), path.join(tempDir(), 'shared')]
    using board = new Scoreboard({ baseDir: mine, workerId: 'w' })
    board.update('private')
    fs.mkdirSync(shared)
    fs.chmodSync(shared, 0o777)
    fs.linkSync(path.join(mine, 'board'), path.join(shared, 'board'))
    // A name of a board in the making does not make up for the one elsewhere.
    fs.linkSync(path.join(mine, 'board'), path.join(shared, `.board.${'0'.repeat(16)}`))

    for (const options of [{ mode: 0o666 }, { readOnly: true }]) {
      assert.throws(() => new Scoreboard({ baseDir: shared, ...options }), {
        code: 'ERR_INSECURE_PATH',
        message: /it has 3 names/,
      })
    }
    assert.equal(board.readAll().get('w'), 'private')
  })

  it('is used where its maker was killed before it took the first of its two names away', () => {
    const baseDir = tempDir()
    new Scoreboard({ baseDir }).close()
    fs.linkSync(path.join(baseDir, 'board'), path.join(baseDir, `.board.${'0'.repeat(16)}`))

    new Scoreboard({ baseDir, readOnly: true }).close()
    using board = new Scoreboard({ baseDir })

    assert.deepEqual(board.cleanup(), { slots: 0, files: 1 })
    assert.deepEqual(fs.readdirSync(baseDir), ['board'])
  })

  const id = '0'.repeat(16)
  const foreign: [name: string, kind: string, make: (file: string) => void][] = [
    ['.board.x', 'a directory', (file) => fs.mkdirSync(file)],
    ['.board.notes', 'a file', (file) => fs.writeFileSync(file, 'precious')],
    [`.board.${id}`, 'a directory', (file) => fs.mkdirSync(file)],
    [`.board.${id}0`, 'a file', (file) => fs.writeFileSync(file, 'precious')],
    [`.board.${'F'.repeat(16)}`, 'a file', (file) => fs.writeFileSync(file, 'precious')],
    [`.board.${id}`, 'a link', (file) => fs.symlinkSync('board', file)],
    [`.board.${id}`, 'a FIFO', (file) => execFileSync('mkfifo', [file])],
    [`ov-${'0'.repeat(32)}-0-0-1`, 'a directory', (file) => fs.mkdirSync(file)],
    [`ov-${'0'.repeat(32)}-0-0-1`, 'a link', (file) => fs.symlinkSync('board', file)],
    [`ov-${'0'.repeat(32)}-0-0-1.bak`, 'a file', (file) => fs.writeFileSync(file, 'precious')],
  ]
  for (const [name, kind, make] of foreign) {
    it(`is cleaned without ${name}, where that is ${kind}`, () => {
      const baseDir = tempDir()
      using board = new Scoreboard({ baseDir })
      make(path.join(baseDir, name))

      assert.deepEqual(board.cleanup(), { slots: 0, files: 0 })

      assert.deepEqual(fs.readdirSync(baseDir).sort(), [name, 'board'].sort())
    })
  }
})
