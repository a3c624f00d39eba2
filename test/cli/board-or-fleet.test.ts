// What a verb that takes a board or a fleet makes of flags that are for the other one.

import assert from 'node:assert/strict'
import { isFleet } from '../../lib/cli/support/board-or-fleet'
import { runCli } from '../support/cli'
import { tempDir } from '../support/temp-dir'

describe('A verb that takes a board or a fleet', () => {
  it('knows a fleet by every scheme of a store, and takes all else for a directory', () => {
    for (const url of ['zk://h/f', 'zks://h/f', 'local:f', 'LOCAL:/f'])
      assert.equal(isFleet(url, {}), true, url)
    for (const dir of ['/run/app', 'local', './zk:', 'run:1']) assert.equal(isFleet(dir, {}), false, dir)
  })

  it('refuses flags that are for the other, and passes over those that are off', () => {
    const vitals = { vitals: true, cleanup: false, label: undefined }
    const machines = { machines: true, vitals: undefined }

    assert.throws(() => isFleet('local:f', vitals), { exitCode: 64, message: /^--vitals is for a board, / })
    assert.throws(() => isFleet('f', machines), { exitCode: 64, message: /^--machines is for a fleet, / })
    assert.equal(isFleet('f', vitals), false)
    assert.equal(isFleet('zk://h/f', machines), true)
  })

  it('says so on the command line', async () => {
    const fleet = `local:${tempDir()}`
    const [vitals, label, lost, cleanup] = await Promise.all([
      runCli(['ls', '--vitals', fleet]),
      runCli(['top', '--rounds', '1', '--label', 'zone=a', tempDir()]),
      runCli(['check', '--max-lost', '1', tempDir()]),
      runCli(['serve', '--cleanup', fleet]),
    ])

    assert.deepEqual([vitals.code, label.code, lost.code, cleanup.code], [64, 64, 3, 64])
    assert.match(vitals.stderr, /--vitals is for a board, on its own machine, and this is a fleet/)
    assert.match(label.stderr, /--label is for a fleet, and this is a board/)
    assert.match(lost.stdout, /UNKNOWN - --max-lost is for a fleet/)
    assert.match(cleanup.stderr, /--cleanup is for a board/)
  })
})
