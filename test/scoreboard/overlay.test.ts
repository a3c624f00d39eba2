// A board in the root of a container: overlayfs, which maps the file below the one that was opened.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Scoreboard } from '../../lib'
import { startReady } from '../support/child'
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
