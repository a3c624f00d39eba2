// The manual page: of the command as it is, and as roff wants it.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../support/paths'

const PAGE = join(ROOT, 'man', 'rollcall.1')

describe('The manual page', () => {
  it('is that of the command as it is', () => {
    const { status, stderr } = spawnSync(
      process.execPath,
      [join(ROOT, 'scripts', 'docs', 'man.mjs'), '--check'],
      {
        encoding: 'utf8',
      },
    )

    assert.deepEqual({ status, stderr }, { status: 0, stderr: '' })
  })

  it('tells of every verb', () => {
    const page = readFileSync(PAGE, 'utf8')

    for (const heading of [
      'ls DIR',
      'top DIR',
      'queue create',
      'queue top',
      'work COMMAND',
      'completion SHELL',
    ]) {
      assert.ok(page.includes(`.SS "${heading}"`), heading)
    }
  })

  it('has nothing that groff warns of', function () {
    const groff = spawnSync('groff', ['-man', '-Tutf8', '-P-cbou', '-ww', PAGE], { encoding: 'utf8' })
    if (groff.error) {
      console.log('    no groff here: skipped')
      this.skip()
    }

    assert.deepEqual({ status: groff.status, stderr: groff.stderr }, { status: 0, stderr: '' })
    assert.match(groff.stdout, /List the living workers of a board/)
  })
})
