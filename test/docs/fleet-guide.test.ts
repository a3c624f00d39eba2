// The guide to the fleet, done as it says: from nothing to three machines, a worker that hangs, and a lost machine.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { FleetWorker } from '../../lib'
import { MAIN } from '../support/cli'
import { blocks } from '../support/documents'
import { eventually } from '../support/eventually'
import { look, machine } from '../support/machines'
import { SampleProject } from '../support/sample-project'
import { tempDir } from '../support/temp-dir'

describe('The guide to the fleet', function () {
  this.timeout(120_000)

  it('leads from nothing to three machines, the stack of a hanging worker, and last words', async () => {
    const { folder } = new SampleProject(tempDir())
    const command = join(folder, 'rollcall')
    writeFileSync(command, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`, { mode: 0o755 })
    const [worker, start, ls, why, lose] = blocks('sh')
      .filter(({ document }) => document.endsWith('guide/fleet.md'))
      .map(({ code }) => code) as [string, string, string, string, string]
    const shell = spawn('bash', [], {
      cwd: folder,
      detached: true,
      env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
    })
    let said = ''
    for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (text) => (said += text))
    const says = (pattern: RegExp) =>
      eventually(
        () => pattern.test(said),
        () => `${pattern} in ${said}`,
      )
    try {
      shell.stdin.write(worker + start)
      await says(/three is in local:fleet/)
      await says(/one is in local:fleet/)
      await says(/two is in local:fleet/)
      const fleet = await look(`local:${join(folder, 'fleet')}`)
      const isHanging = ({ id, heartbeatAgeMs = 0 }: FleetWorker) => id === 'one-3' && heartbeatAgeMs > 3000
      await machine(fleet, 'one', ({ workers }) => workers.length === 3 && workers.some(isHanging))
      await machine(fleet, 'two', ({ workers }) => workers.length === 2)
      // Its page and its list would live until somebody ends them.
      shell.stdin.write(ls.replaceAll(/^rollcall (top|serve) .*$/gm, '').trim())
      shell.stdin.write(`\n${why}`)
      await says(/^two .* two-1 .*resizes photo \d+/m)
      await says(/^three +live /m)
      await says(/^ROLLCALL CRITICAL - \d blocked, for up to .* \(one-3 on one\)/m)
      if (process.platform === 'linux') await says(/at compareAllPairs .*worker\.cjs:11/)

      shell.stdin.write(lose.split('\n').slice(0, 2).join('\n').concat('\n'))
      await machine(fleet, 'two', ({ state }) => state === 'lost')
      shell.stdin.write(lose.split('\n').slice(2).join('\n'))
      await says(/^two .* two-2 .*lost +resizes photo/m)
      await says(/^ROLLCALL CRITICAL - 1 of 3 machines lost \(two lost /m)
    } finally {
      process.kill(-shell.pid!, 'SIGKILL')
      if (shell.exitCode === null && shell.signalCode === null) await once(shell, 'exit')
    }
    assert.ok(!said.includes('Error'), said)
  })
})
