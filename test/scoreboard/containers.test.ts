// Boards in the clothes of containers: their root, which is overlayfs and maps the file below the one that was opened;
// volumes without inodes, and volumes that are mounted for reading only.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Scoreboard } from '../../lib'
import { startReady } from '../support/child'
import { runCli } from '../support/cli'
import { mountSmallDisk } from '../support/small-disk'

const slots = 16
const openFiles = () => readdirSync('/proc/self/fd').length

describe('A board on an overlay', () => {
  let disk: string
  let root: string
  let isMounted = false

  before(function () {
    disk = mkdtempSync(join(tmpdir(), 'rollcall-overlay-'))
    if (!mountSmallDisk(disk, 'size=4m')) this.skip() // only root may
    for (const name of ['below', 'above', 'work', 'root']) mkdirSync(join(disk, name))
    root = join(disk, 'root')
    // A board that is part of the image, too.
    new Scoreboard({ baseDir: join(disk, 'below', 'baked'), slots }).close()
    const layers = ['lowerdir=below', 'upperdir=above', 'workdir=work']
    isMounted =
      spawnSync('mount', ['-t', 'overlay', '-o', layers.join(), 'overlay', root], { cwd: disk }).status === 0
    if (!isMounted) this.skip()
  })

  after(() => {
    if (isMounted) execFileSync('umount', ['-l', root])
    spawnSync('umount', ['-l', disk])
    rmdirSync(disk)
  })

  for (const name of ['fresh', 'baked']) {
    it(`that is ${name} shows who lives there, and who has died`, async () => {
      const baseDir = join(root, name)
      using board = new Scoreboard({ baseDir, slots, workerId: 'here' })
      board.update('here I am')
      const child = await startReady('worker', JSON.stringify({ baseDir, workerId: 'there' }))
      await child.ask({ method: 'open' })
      await child.ask({ method: 'update', args: ['and I'] })

      using reader = new Scoreboard({ baseDir, readOnly: true })
      const states = () =>
        reader
          .snapshot({ includeDead: true })
          .workers.map(({ id, state }) => `${id} ${state}`)
          .sort()
      assert.deepEqual(states(), ['here live', 'there live'])
      await child.killed('SIGKILL')
      assert.deepEqual(states(), ['here live', 'there dead'])
    })
  }

  it('leaves no descriptor behind', () => {
    const before = openFiles()
    for (let i = 0; i < 5; i++) {
      const board = new Scoreboard({ baseDir: join(root, 'closed'), slots, workerId: 'one' })
      board.update(i)
      board.close()
    }
    assert.equal(openFiles(), before)
  })
})

describe('A board on a volume of a container', () => {
  let disk: string
  const mount = (options: string) => spawnSync('mount', ['-o', options, disk]).status === 0

  beforeEach(function () {
    disk = mkdtempSync(join(tmpdir(), 'rollcall-volume-'))
    // The disk itself, a directory, a temporary file, and nothing for its name.
    if (!mountSmallDisk(disk, 'size=4m,nr_inodes=3,mode=777')) this.skip()
  })
  afterEach(() => {
    spawnSync('umount', ['-l', disk])
    rmdirSync(disk)
  })

  it('that has no inode for it is ERR_NO_SPACE, and leaves nothing', () => {
    const baseDir = join(disk, 'board')

    assert.throws(() => new Scoreboard({ baseDir, slots }), { code: 'ERR_NO_SPACE', syscall: 'link' })

    assert.deepEqual(readdirSync(baseDir), [])
  })

  it('that is mounted for reading only says so to a worker, and is read by every verb', async () => {
    mount('remount,nr_inodes=100')
    const child = await startReady('worker', JSON.stringify({ baseDir: disk, mode: 0o666, workerId: 'w' }))
    await child.ask({ method: 'open' })
    await child.ask({ method: 'update', args: ['here'] })
    await child.killed()
    assert.ok(mount('remount,ro'))

    assert.throws(() => new Scoreboard({ baseDir: disk, mode: 0o666 }), {
      message: /mounted for reading only, where option 'readOnly' can look at it/,
    })
    assert.throws(() => new Scoreboard({ baseDir: join(disk, 'none') }), {
      message: /mounted for reading only$/,
    })
    const ends = await Promise.all(
      [
        ['ls', '--dead', disk],
        ['why', disk, 'w'],
      ].map((args) => runCli(args)),
    )

    assert.match(ends[0]!.stdout, /w .*DEAD .*here/)
    assert.match(ends[1]!.stdout, /^w {2}pid \d+ {2}dead .*here$/m)
    // Not that others may write to it, which is nothing to a reader.
    assert.deepEqual(
      [ends[1]!.code, ends[1]!.stdout.split('\n')[1]],
      [66, '  no stack of JavaScript: it is dead'],
    )
  })
})
