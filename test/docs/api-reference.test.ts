// The API reference: every exported name has a docstring, and every link in one leads somewhere.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { ROOT } from '../support/paths'

const SCRIPT = join(ROOT, 'scripts', 'docs', 'api.mjs')

describe('The API reference', () => {
  it('has nothing that TypeDoc warns of', function () {
    this.timeout(300_000)

    const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, '--check'], {
      encoding: 'utf8',
      env: { ...process.env, NO_COLOR: '1' },
    })

    assert.deepEqual({ status, output: stdout + stderr }, { status: 0, output: '' })
  })
})
