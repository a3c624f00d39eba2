// run(): how often it writes, and what one more item costs it that has many at work.

import assert from 'node:assert/strict'
import { createHook } from 'node:async_hooks'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { LocalDatabase } from '../../../lib/queue/store/local/database'
import type { Lease } from '../../../lib/queue/worker/lease'
import { RunLoop } from '../../../lib/queue/worker/run-loop'
import { connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const ITEMS = 400

/** How often rows of the queue are written anew meanwhile. */
async function writesDuring(work: () => Promise<void>): Promise<number> {
  const { update } = LocalDatabase.prototype
  let count = 0
  LocalDatabase.prototype.update = function (...args) {
    count++
    return update.apply(this, args)
  }
  try {
    await work()
  } finally {
    LocalDatabase.prototype.update = update
  }
  return count
}

/** How many promises are made meanwhile. */
async function promisesDuring(work: () => Promise<void>): Promise<number> {
  let count = 0
  const hook = createHook({
    init(_, type) {
      if (type === 'PROMISE') count++
    },
  }).enable()
  try {
    await work()
  } finally {
    hook.disable()
  }
  return count
}

describe('run()', () => {
  it('writes the acks of handlers that follow each other at once together', async () => {
    const queue = await connect(join(tempDir(), 'q'))
    await queue.createQueue({ queue: Array.from({ length: ITEMS }, (_, i) => `${i}`) })
    const timer = await queue.createTimer('one')

    const writes = await writesDuring(() => timer.run(() => turn()))

    assert.ok(writes <= ITEMS / 2, `${writes} writes for ${ITEMS} items`)
    assert.equal((await queue.counts()).done, ITEMS)
  })

  it('does not look at all that is at work for each item', async () => {
    const options = { keepsResults: false, timeoutMs: undefined, drainMs: undefined, signal: undefined }
    const lease = { settled: false, ack: async () => {} } as unknown as Lease<string>
    const leases = async function* () {
      for (let i = 0; i < ITEMS; i++) yield lease
    }
    const promisesAt = (concurrency: number) =>
      promisesDuring(() => new RunLoop<string>(() => turn(), { concurrency, ...options }).over(leases()))

    const [few, many] = [await promisesAt(10), await promisesAt(ITEMS / 2)]

    assert.ok(many < 2 * few, `${many} promises with ${ITEMS / 2} at work, ${few} with 10`)
  })
})
