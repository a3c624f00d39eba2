// What a worker is told when an answer of its store gets lost, and what it does next.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { WatchdogError, type WatchdogQueue, type WatchdogTimer } from '../../../lib'
import type { PageState } from '../../../lib/queue/page-state/page-state'
import { LocalStore } from '../../../lib/queue/store/local/store'
import type { SetOutcome } from '../../../lib/queue/store/store'
import { collect, connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const ITEMS = Array.from({ length: 400 }, (_, i) => String(i))
const cut = (maybeApplied: boolean) => new WatchdogError('ERR_CONNECTION', 'cut here', { maybeApplied })

describe('A worker whose answers get lost', () => {
  const { get, set } = LocalStore.prototype
  let queue: WatchdogQueue
  let timer: WatchdogTimer

  beforeEach(async () => {
    queue = await connect(join(tempDir(), 'queue'))
    await queue.createQueue({ queue: ITEMS })
    timer = await queue.createTimer('worker')
  })

  afterEach(() => {
    Object.assign(LocalStore.prototype, { get, set })
  })

  /** The next write of a page's state that `is` the one meant is made, but answered by `answer`. */
  function loseAnswer(is: (state: PageState) => boolean, answer: () => SetOutcome): void {
    LocalStore.prototype.set = async function (path, data, version, options) {
      const outcome = await set.call(this, path, data, version, options)
      if (!path.includes('/states/') || !is(JSON.parse(Buffer.from(data).toString()))) return outcome
      LocalStore.prototype.set = set
      return answer()
    }
  }

  const failing = (): never => {
    throw cut(true)
  }

  it('does not lose an item whose ack was made, though to ask what came of it failed, too', async () => {
    const lease = (await timer.lease())!
    loseAnswer(
      ({ done }) => done === 1,
      () => {
        LocalStore.prototype.get = async function (path) {
          if (!path.includes('/states/')) return get.call(this, path)
          LocalStore.prototype.get = get
          throw cut(false)
        }
        return { kind: 'conflict', maybeApplied: true }
      },
    )

    await assert.rejects(lease.ack(), { code: 'ERR_CONNECTION', maybeApplied: true })
    await lease.ack()

    assert.equal((await queue.counts()).done, 1)
  })

  it('hands out an item once that a claim has brought it without saying so', async () => {
    loseAnswer(({ claims }) => claims.length === 1, failing)
    await assert.rejects(timer.lease(), { code: 'ERR_CONNECTION' })

    const leases = await Promise.all([timer.lease(), timer.lease()])

    assert.equal(new Set(leases.map((lease) => lease!.id)).size, 2)
    assert.equal((await queue.counts()).leased, 2)
    await Promise.all(leases.map((lease) => lease!.ack()))
    assert.equal((await queue.counts()).done, 2)
  })

  it('gives back what such a claim has brought besides, when it asks for one', async () => {
    loseAnswer(({ claims }) => claims.some(({ from, to }) => to - from > 4), failing)
    const acked: string[] = []
    await assert.rejects(
      async () => {
        for await (const lease of timer.leases()) {
          acked.push(lease.item)
          await lease.ack()
        }
      },
      { code: 'ERR_CONNECTION' },
    )

    for (let lease = await timer.lease(); lease !== undefined; lease = await timer.lease()) {
      acked.push(lease.item)
      await lease.ack()
    }

    assert.deepEqual(new Set(acked), new Set(ITEMS))
    assert.equal((await queue.waitDone({ timeoutMs: 30_000 })).done, ITEMS.length)
    assert.deepEqual(await collect(queue.deadLetters()), [])
  })

  it('ends run() with the error of the last ack, instead of waiting for the item that it has', async () => {
    const short = await connect(join(tempDir(), 'queue'))
    await short.createQueue({ queue: ['a', 'b', 'c'] })
    const worker = await short.createTimer('worker')
    LocalStore.prototype.set = async function (path, data, version, options) {
      const isLast = path.includes('/states/') && JSON.parse(Buffer.from(data).toString()).done === 3
      if (isLast) throw new WatchdogError('ERR_NO_SPACE', 'no room here')
      return set.call(this, path, data, version, options)
    }

    await assert.rejects(
      worker.run(async () => {}),
      { code: 'ERR_NO_SPACE' },
    )
  })
})
