// What a machine tells of its workers, and what of it arrives.

import assert from 'node:assert/strict'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { decodePart, encodePart } from '../../lib/fleet/part'
import { workerOf } from '../../lib/fleet/worker'
import type { WorkerEntry } from '../../lib/scoreboard/types'

/** Every field that a worker can have: the compiler asks for those that are new. */
const WHOLE: Required<WorkerEntry> = {
  id: 'web-1',
  pid: 4242,
  threadId: 3,
  slot: 5,
  epoch: 7,
  state: 'dead',
  status: { task: 7 },
  updates: 9,
  startedAt: 1_000,
  updatedAt: 2_000,
  ageMs: 50,
  heartbeatAgeMs: 60,
  heartbeatMs: 1_000,
  processStart: 77,
  pidNamespace: 88,
  counters: { done: 4 },
  vitals: { cpuPercent: 1, cpuMs: 2, rssBytes: 3, threads: 4, procState: 'S' },
  deadForMs: 40,
  ending: 'SIGKILL',
  error: { code: 'BUSY', message: 'busy', preview: 'x' },
}

const PLACE = { machine: 'm', machineId: 'id', board: '/run/app' }

function encoded(): Uint8Array {
  return encodePart({
    ...{ revision: 1, counterNames: ['done'], ended: [], statusBytes: 512 },
    workers: [WHOLE],
    isBlocked: () => false,
  })
}

function arrivesWhole(bytes: Uint8Array): void {
  const [row] = decodePart(bytes, { writtenAt: 10_000 }).rows
  const { vitals: _, ...told } = WHOLE
  assert.deepEqual(workerOf(row!, PLACE, 10_000), { ...told, ...PLACE, statusCut: false })
}

describe('A worker of a fleet', () => {
  it('is whole, but for what it costs, when another machine has told of it', () => {
    arrivesWhole(encoded())
  })

  it('is read where a newer release tells more of it', () => {
    const part = JSON.parse(inflateRawSync(encoded()).toString())
    part.rows[0].push('news')

    arrivesWhole(deflateRawSync(JSON.stringify(part)))
  })
})
