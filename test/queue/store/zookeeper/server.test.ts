// The servers that tests start: nothing of them stays.

import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { OwnedServer } from '../../../programs/server-owner'
import { startChild } from '../../../support/child'
import { eventually } from '../../../support/eventually'
import { describeZookeeper } from '../../../support/queue'

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

describeZookeeper('A ZooKeeper server of the tests', function () {
  this.timeout(120_000)

  it('goes with its data when whoever started it is interrupted, terminated or killed', async () => {
    const signals = ['SIGINT', 'SIGTERM', 'SIGKILL'] as const
    const owners = signals.map(() => startChild('server-owner'))
    const servers = await Promise.all(owners.map((owner) => owner.message<OwnedServer>()))
    assert.deepEqual(
      servers.map(({ pid, dir }) => isAlive(pid) && existsSync(dir)),
      [true, true, true],
    )

    const exits = await Promise.all(owners.map((owner, i) => owner.killed(signals[i])))

    assert.deepEqual(
      exits.map(({ signal }) => signal),
      signals,
    )
    for (const { pid, dir } of servers) {
      await eventually(() => !isAlive(pid) && !existsSync(dirname(dir)), `server ${pid} to go`)
    }
  })
})
