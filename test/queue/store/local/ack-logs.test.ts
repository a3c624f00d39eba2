// Workers that lease one item after the other on this machine: their acks are in a log of their own, and only
// now and then in the state of a page. Nobody may be able to tell.

import assert from 'node:assert/strict'
import fs from 'node:fs'
import path from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { CreateQueueOptions, Lease, WatchdogQueue, WatchdogTimer } from '../../../../lib'
import { attach } from '../../../../lib/queue/incarnation/attach'
import type { TakenFrom } from '../../../../lib/queue/items/page-chooser'
import { PageSet } from '../../../../lib/queue/items/page-set'
import type { Taken } from '../../../../lib/queue/page-state/page-state'
import type { Range } from '../../../../lib/queue/page-state/ranges'
import { LocalAckLogs } from '../../../../lib/queue/store/local/ack-logs'
import { LocalStore } from '../../../../lib/queue/store/local/store'
import { eventually } from '../../../support/eventually'
import { Hand } from '../../../support/hand'
import { inspect } from '../../../support/inspection'
import { interleaved } from '../../../support/interleaved-store'
import { collect, connect } from '../../../support/queue'
import { quickWork } from '../../../support/quick-work'
import { tempDir } from '../../../support/temp-dir'

const LIMIT_MS = 120_000
const ITEMS = Array.from({ length: 600 }, (_, i) => String(i))

function logsIn(directory: string): string[] {
  return fs.readdirSync(path.join(directory, 'queue')).filter((name) => name.startsWith('acks-'))
}

/** Leases and acks, one after the other; the rest of them where `count` is missing. */
async function work(timer: WatchdogTimer, count = Number.POSITIVE_INFINITY): Promise<string[]> {
  const items: string[] = []
  while (items.length < count) {
    const lease = await timer.lease()
    if (lease === undefined) break
    await lease.ack()
    items.push(lease.item)
  }
  return items
}

/** Works until it has claimed several items, has acked the first of them, the next in hand, and has not begun two. */
async function workAhead(
  queue: WatchdogQueue,
  timer: WatchdogTimer,
): Promise<{ lease: Lease; acked: string[] }> {
  const acked: string[] = []
  for (let isAhead = false; ; ) {
    const lease = (await timer.lease())!
    assert.notEqual(lease, undefined, 'it never claimed that many')
    if (isAhead) return { lease, acked }
    isAhead = (await queue.counts()).leased > 3
    await lease.ack()
    acked.push(lease.item)
  }
}

function assertSame(items: readonly string[], expected: readonly string[]): void {
  assert.deepEqual([...items].sort(), [...expected].sort())
}

describe('A worker that leases one item after the other on this machine', function () {
  this.timeout(LIMIT_MS)

  let directory: string
  let queue: WatchdogQueue
  let timer: WatchdogTimer
  let restore: () => void
  const { set } = LocalStore.prototype
  const { read, take } = LocalAckLogs.prototype
  const { setImmediate } = globalThis
  const turns: (() => void)[] = []

  /** For the workers of this process the event loop does not turn until `letTurn()`. */
  function holdTurns(): void {
    globalThis.setImmediate = ((turn: () => void) => void turns.push(turn)) as unknown as typeof setImmediate
  }

  function letTurn(): void {
    globalThis.setImmediate = setImmediate
    for (const turn of turns.splice(0)) setImmediate(turn)
  }

  before(() => {
    restore = quickWork()
  })
  after(() => restore())

  async function begin(options: Partial<CreateQueueOptions> = {}): Promise<void> {
    directory = path.join(tempDir(), 'queue')
    queue = await connect(directory)
    await queue.createQueue({ queue: ITEMS, timerMs: 3_600_000, ...options })
    timer = await queue.createTimer('worker')
  }

  afterEach(() => {
    letTurn()
    LocalStore.prototype.set = set
    Object.assign(LocalAckLogs.prototype, { read, take })
  })

  it('writes a page once for many items', async () => {
    await begin()
    let writes = 0
    LocalStore.prototype.set = function (...args) {
      if (args[0].includes('/states/')) writes++
      return set.apply(this, args)
    }

    const items = await work(timer)

    assertSame(items, ITEMS)
    assert.ok(writes < ITEMS.length, `${writes} writes`)
    assert.equal((await queue.waitDone({ timeoutMs: LIMIT_MS })).done, ITEMS.length)
  })

  it('is seen to have done an item by everybody, from the moment its ack resolves', async () => {
    await begin()
    const other = await connect(directory)
    const seen: number[] = []

    for (let i = 0; i < ITEMS.length; i++) {
      await work(timer, 1)
      seen.push((await other.counts()).done)
    }

    assert.deepEqual(
      seen,
      seen.map((_, i) => i + 1),
    )
    assert.equal(logsIn(directory).length, 1)
  })

  it('has nothing but the item in its hands once its event loop has turned', async () => {
    await begin()
    holdTurns()
    const { lease, acked } = await workAhead(queue, timer)

    letTurn()
    await eventually(async () => (await queue.counts()).leased === 1, 'the others to be given back')

    await lease.ack()
    assert.equal((await queue.counts()).done, acked.length + 1)
    assertSame([...acked, lease.item, ...(await work(timer))], ITEMS)
  })

  it('leaves no log behind when it ends', async () => {
    await begin()
    const { acked } = await workAhead(queue, timer)
    const during = logsIn(directory)

    await timer.end()

    assert.deepEqual([during.length, logsIn(directory).length], [1, 0])
    const { done, leased } = await queue.counts()
    assert.deepEqual([done, leased], [acked.length, 0])
  })

  it('ends whatever it leaves in any other way than by an ack', async () => {
    await begin({ maxAttempts: 2 })
    const acked: string[] = []
    for (let i = 0; ; i++) {
      const lease = await timer.lease()
      if (lease === undefined) break
      if (i % 17 === 16) await lease.release()
      else if (i % 13 === 12) await lease.nack('no')
      else {
        await lease.ack()
        acked.push(lease.item)
      }
    }

    const letters = await collect(queue.deadLetters())

    const { done, dead } = await queue.waitDone({ timeoutMs: LIMIT_MS })
    assert.deepEqual([done, dead, done + dead], [acked.length, letters.length, ITEMS.length])
    assert.equal(new Set(acked).size, acked.length)
  })

  it('may ask for more than one at a time, and settle them in any order', async () => {
    await begin()
    holdTurns()
    const { lease, acked } = await workAhead(queue, timer)
    const leases = [lease]
    while (leases.length < 9) leases.push((await timer.lease())!)
    letTurn()

    for (const i of [4, 0, 8, 2, 6, 1, 3, 5, 7]) {
      await leases[i]!.ack()
      acked.push(leases[i]!.item)
    }
    const loops = Array.from({ length: 5 }, () => work(timer))
    acked.push(...(await Promise.all(loops)).flat())

    assertSame(acked, ITEMS)
    assert.equal((await queue.waitDone({ timeoutMs: LIMIT_MS })).done, ITEMS.length)
  })

  describe('and is killed', () => {
    let worker: Hand
    let report: string
    let release: string

    /** A worker in another process that has an item in hand, and its event loop cannot turn. */
    async function blocked(
      options: Partial<CreateQueueOptions> = {},
    ): Promise<{ items: string[]; ended: Promise<unknown> }> {
      await begin(options)
      report = path.join(tempDir(), 'report')
      release = path.join(tempDir(), 'release')
      // Its own process would find it silent while the other one starts.
      const kicking = setInterval(() => timer.kick().catch(() => {}), 50)
      worker = await Hand.on(directory)
      await worker.do('queue', 'createTimer', 'blocked')
      const ended = worker.do('timer', 'workAhead', report, release)
      ended.catch(() => {})
      await eventually(() => fs.existsSync(report), 'the worker to block')
      clearInterval(kicking)
      return { items: JSON.parse(fs.readFileSync(report, 'utf8')), ended }
    }

    it('or not: what it has claimed and not begun is done by a worker that has nothing else to do', async () => {
      const { items, ended } = await blocked()

      const done = await work(timer)

      assertSame([...items, ...done], ITEMS)
      assert.deepEqual(await queue.counts(), {
        total: 600,
        ready: 0,
        delayed: 0,
        leased: 1,
        done: 599,
        dead: 0,
        failed: 0,
        retried: 0,
      })
      fs.writeFileSync(release, '')
      await ended
      await worker.do('lease', 'ack')
      assert.equal((await queue.waitDone({ timeoutMs: LIMIT_MS })).done, ITEMS.length)
    })

    it('has done what it has acked, has failed at what it had in hand, and had not begun the rest', async () => {
      const { items } = await blocked()
      await worker.child.killed()
      const inHand = items.pop()!
      const attempts = new Map<string, number>()

      for (let left = ITEMS.length - items.length; left > 0; left--) {
        const lease = (await timer.lease({ waitMs: LIMIT_MS }))!
        attempts.set(lease.item, lease.attempt)
        await lease.ack()
      }

      assertSame([...items, ...attempts.keys()], ITEMS)
      assert.equal(attempts.get(inHand), 2)
      assert.deepEqual(
        [...attempts.values()].filter((attempt) => attempt > 1),
        [2],
      )
      await eventually(() => logsIn(directory).length <= 1, 'the log of the dead to be deleted')
      assert.equal((await queue.waitDone({ timeoutMs: LIMIT_MS })).done, ITEMS.length)
    })

    it('or is expired: it keeps what it has acked, and loses what it has in hand', async () => {
      const { items, ended } = await blocked({ timerMs: 500, onExpire: 'requeue' })
      const kicking = setInterval(() => timer.kick().catch(() => {}), 50)
      const done: string[] = []
      try {
        while (done.length < ITEMS.length - items.length + 1) {
          const lease = (await timer.lease({ waitMs: LIMIT_MS }))!
          await lease.ack()
          done.push(lease.item)
          await nextTurn()
        }
      } finally {
        clearInterval(kicking)
      }
      const inHand = items.pop()!
      fs.writeFileSync(release, '')
      await ended

      await assert.rejects(worker.do('lease', 'ack'), { code: 'ERR_LEASE_LOST' })

      assert.ok(done.includes(inHand))
      assertSame([...items, ...done], ITEMS)
    })
  })

  describe('while another looks at its log to take something', () => {
    let other: WatchdogTimer

    /** The worker has an item in hand and has claimed more; the other one will have no other items. */
    async function prepared(): Promise<{ lease: Lease; acked: string[]; taken: string[] }> {
      await begin({ queue: ITEMS.slice(0, 100) })
      other = await (await connect(directory)).createTimer('other')
      const pages = new PageSet((await inspect(directory)).incarnation)
      holdTurns()
      const { lease, acked } = await workAhead(queue, timer)
      const rest = await pages.chooser.claim({ token: 'rest', wid: 'w', max: ITEMS.length }, () => {})
      const [[from, to]] = (rest as TakenFrom<Taken>).result.items as [Range]
      return { lease, acked, taken: ITEMS.slice(from, to) }
    }

    /** When the log has been announced to be taken, `act` runs before it is read, or right after. */
    function atTaking(when: 'before' | 'after', act: () => void): void {
      let hasActed = false
      LocalAckLogs.prototype.take = function (wid, number) {
        LocalAckLogs.prototype.read = function (...args) {
          if (when === 'before' && !hasActed) act()
          const count = read.apply(this, args)
          if (when === 'after' && !hasActed) act()
          hasActed = true
          return count
        }
        try {
          return take.call(this, wid, number)
        } finally {
          LocalAckLogs.prototype.read = read
        }
      }
    }

    for (const when of ['before', 'after'] as const) {
      it(`and acks right ${when} that look, is on record, and has its next item to itself`, async () => {
        const { lease, acked, taken } = await prepared()
        let mine: Promise<string[]> | undefined
        atTaking(when, () => {
          mine = lease.ack().then(() => work(timer))
        })

        const others = await work(other)

        assert.notEqual(mine, undefined, 'nobody has looked')
        assertSame([...acked, lease.item, ...others, ...(await mine!), ...taken], ITEMS.slice(0, 100))
      })
    }

    it('and acks before the other has written, has its next item to itself', async () => {
      const { lease, acked, taken } = await prepared()
      const { store } = await inspect(directory)
      let mine: Lease | undefined
      const slow = interleaved(store, async ({ method, path: node }) => {
        if (method !== 'set' || !node.includes('/states/') || mine !== undefined) return
        await lease.ack()
        mine = (await timer.lease())!
      })
      const pages = new PageSet(await attach(slow, {}))

      const claimed = await pages.chooser.claim({ token: 't', wid: 'w', max: ITEMS.length }, () => {})

      const [[from, to]] = (claimed as TakenFrom<Taken>).result.items as [Range]
      const all = [...acked, lease.item, mine!.item, ...taken, ...ITEMS.slice(from, to)]
      assert.equal(new Set(all).size, all.length)
      await mine!.ack()
      assert.equal((await queue.counts()).done, acked.length + 2)
    })
  })
})
