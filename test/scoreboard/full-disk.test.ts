// Where there is no room: errors, never a SIGBUS, and nothing left behind.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Scoreboard } from '../../lib'
import { startReady } from '../support/child'
import { LIB } from '../support/paths'
import { fillUp, mountSmallBtrfs, mountSmallDisk } from '../support/small-disk'
import { tempDir } from '../support/temp-dir'

describe('Scoreboard, on a full file system', () => {
  let mountPoint: string

  before(function () {
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-full-'))
    if (mountSmallDisk(directory, 'size=1m,mode=700')) {
      mountPoint = directory
      return
    }
    fs.rmdirSync(directory)
    this.skip() // only root may mount; the file size limit below is tested all the same
  })

  after(() => {
    if (mountPoint === undefined) return
    execFileSync('umount', [mountPoint])
    fs.rmdirSync(mountPoint)
  })

  afterEach(() => {
    for (const name of fs.readdirSync(mountPoint)) fs.rmSync(path.join(mountPoint, name), { recursive: true })
  })

  it('is ERR_NO_SPACE to make a board that does not fit, and leaves nothing', () => {
    const baseDir = path.join(mountPoint, 'board')

    assert.throws(() => new Scoreboard({ baseDir, slots: 1024 }), {
      code: 'ERR_NO_SPACE',
      message: /fewer slots/,
      syscall: /fallocate/,
    })

    assert.deepEqual(fs.readdirSync(baseDir), [])
    new Scoreboard({ baseDir, slots: 16 }).close()
  })

  it('can use every slot of a board that did fit, though the disk has been filled since', () => {
    const baseDir = path.join(mountPoint, 'board')
    new Scoreboard({ baseDir, slots: 32 }).close()
    fillUp(mountPoint)

    const boards = Array.from({ length: 32 }, (_, i) => new Scoreboard({ baseDir, workerId: `${i}` }))
    for (const board of boards) board.update('x'.repeat(1024))

    assert.equal(boards[0]!.readAll().size, 32)
    for (const board of boards) board.close()
  })

  it('is ERR_NO_SPACE to use a sparse copy of a board', () => {
    const baseDir = path.join(mountPoint, 'board')
    new Scoreboard({ baseDir, slots: 64 }).close()
    const file = path.join(baseDir, 'board')
    execFileSync('cp', ['--sparse=always', file, `${file}.copy`])
    fs.renameSync(`${file}.copy`, file)
    fillUp(mountPoint)

    assert.throws(() => new Scoreboard({ baseDir }), { code: 'ERR_NO_SPACE' })
    assert.throws(() => new Scoreboard({ baseDir, readOnly: true }), { code: 'ERR_NO_SPACE' })
  })

  it('throws on a long status that cannot be written, and the one before stays', () => {
    const baseDir = path.join(mountPoint, 'board')
    using board = new Scoreboard({ baseDir, slots: 4, workerId: 'w' })
    const before = 'y'.repeat(5000)
    board.update(before)
    const files = fs.readdirSync(baseDir)

    assert.throws(() => board.update('x'.repeat(2 * 1024 * 1024)), {
      code: 'ERR_OVERFLOW_WRITE',
      message: /ENOSPC.*the status before it stays published/,
      syscall: 'write',
    })

    assert.equal(board.readAll().get('w'), before)
    assert.deepEqual(fs.readdirSync(baseDir), files)
    board.update('short')
    assert.equal(board.readAll().get('w'), 'short')
  })
})

describe('Scoreboard, on a full file system that gives each rewrite a new block', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'rollcall-btrfs-'))
  const image = `${folder}.img`
  let isMounted = false

  before(function () {
    isMounted = mountSmallBtrfs(folder, image)
    if (!isMounted) this.skip() // only root may mount, and btrfs-progs must be installed
  })

  after(() => {
    if (isMounted) execFileSync('umount', [folder])
    fs.rmSync(image, { force: true })
    fs.rmdirSync(folder)
  })

  it('goes on with the board that is there, and no store is a SIGBUS', async () => {
    const baseDir = path.join(folder, 'board')
    const flush = () => spawnSync('sync', ['-f', folder])
    const start = async (workerId: string) => {
      const child = await startReady('worker', JSON.stringify({ baseDir, workerId, slots: 16 }))
      await child.ask({ method: 'open' })
      await child.ask({ method: 'update', args: ['first'] })
      return child
    }
    const first = await start('first')
    // Pages that are on the disk: the next store into each of them asks the file system again.
    fillUp(folder)
    flush()
    fillUp(folder)
    flush()

    await first.ask({ method: 'update', args: ['on a full disk'] })
    const second = await start('second')

    using board = new Scoreboard({ baseDir, readOnly: true })
    assert.deepEqual([...board.readAll().values()], ['on a full disk', 'first'])
    await second.killed()
    await first.killed()
  })
})

describe('Scoreboard, under a file size limit', () => {
  /** Runs a script in a process that may not write files larger than 64 KiB. */
  function runLimited(script: string): string {
    const lib = JSON.stringify(LIB)
    const program = `const { Scoreboard } = require(${lib}); ${script}`
    const command = 'ulimit -f 64 2>/dev/null || exit 99; exec "$0" -e "$1"'
    const run = spawnSync('bash', ['-c', command, process.execPath, program], { encoding: 'utf8' })
    assert.equal(run.signal, null, 'killed by a signal')
    assert.equal(run.status, 0, run.stderr)
    return run.stdout.trim()
  }

  it('is ERR_NO_SPACE to make a board, and nothing is left', () => {
    const baseDir = path.join(tempDir(), 'board')

    const said = runLimited(
      `try { new Scoreboard({ baseDir: ${JSON.stringify(baseDir)} }) } catch (e) { console.log(e.code) }`,
    )

    assert.equal(said, 'ERR_NO_SPACE')
    assert.deepEqual(fs.readdirSync(baseDir), [])
  })

  it('throws on a long status, and the one before stays', () => {
    const baseDir = tempDir()
    new Scoreboard({ baseDir }).close()

    const said = runLimited(`
      const board = new Scoreboard({ baseDir: ${JSON.stringify(baseDir)}, workerId: 'w' })
      board.update('before')
      try { board.update('x'.repeat(100000)) } catch (e) { console.log(e.code) }
      console.log(board.readAll().get('w'))`)

    assert.equal(said, 'ERR_OVERFLOW_WRITE\nbefore')
    assert.deepEqual(fs.readdirSync(baseDir), ['board'])
  })
})
