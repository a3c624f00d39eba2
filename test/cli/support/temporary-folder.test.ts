// The folders of commands that were killed.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { temporaryFolder } from '../../../lib/cli/support/temporary-folder'
import { tempDir } from '../../support/temp-dir'

describe('The folder of a command', () => {
  const before = process.env.TMPDIR
  afterEach(() => {
    if (before === undefined) delete process.env.TMPDIR
    else process.env.TMPDIR = before
  })

  it('goes with the next one when its command was killed, and nothing else does', () => {
    const directory = tempDir()
    process.env.TMPDIR = directory
    const gone = spawnSync('true').pid
    const own = temporaryFolder('work')
    const name = (pid: number, random: string) => basename(own.path).replace(/\d+-\w{6}$/, `${pid}-${random}`)
    const make = (folder: string) => {
      mkdirSync(join(directory, folder))
      return folder
    }
    const abandoned = make(name(gone, 'aaaaaa'))
    const kept = [
      basename(own.path),
      make(name(process.pid, 'bbbbbb')),
      make(`rollcall-work-1-${gone}-cccccc`),
      make(name(gone, 'dddddd').replace('work', 'board')),
      name(gone, 'eeeeee'),
    ]
    symlinkSync('.', join(directory, kept.at(-1)!))

    const next = temporaryFolder('work')

    assert.equal(existsSync(join(directory, abandoned)), false)
    assert.deepEqual(
      kept.filter((folder) => !existsSync(join(directory, folder))),
      [],
    )
    next.remove()
    assert.equal(existsSync(next.path), false)
  })
})
