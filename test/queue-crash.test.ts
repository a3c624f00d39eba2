// Many workers on one queue while things break: each item is acked once, and only items of those
// who were killed are run again.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import { Fleet } from './helpers/fleet'
import { connect, describeZookeeper, LONG, SESSION_MS, uniqueRoot } from './helpers/queue'
import { type Ensemble, startZookeeper } from './helpers/zookeeper-server'

/** Five thousand items and ten workers; less where only the server is disturbed, unless it may take long. */
const FULL = { workers: 10, items: 5000 }
const SERVER_FAULTS = LONG ? FULL : { workers: 4, items: 1500 }
const ITEM_MS = 8
const LIMIT_MS = 120_000

interface Trial {
  ensemble: Ensemble
  fleet: Fleet
  /** Share of the items that are done. */
  progress(): Promise<number>
}

/** Runs a fleet to the end of its queue while `disturb` is at work, and checks the account. */
async function survive(
  ensemble: Ensemble,
  { workers, items: count }: typeof FULL,
  disturb: (trial: Trial) => Promise<void>,
): Promise<void> {
  const url = `zk://${ensemble.hosts}${uniqueRoot()}`
  const master = await connect(url, { connectTimeoutMs: 30_000, sessionTimeoutMs: 4000 })
  const items = Array.from({ length: count }, (_, i) => `item ${i}`)
  await master.createQueue({ queue: items, timerMs: 30_000, maxAttempts: 10 })
  const fleet = new Fleet(url, ITEM_MS, SESSION_MS)
  for (let i = 0; i < workers; i++) fleet.start()
  await fleet.ready()

  const progress = async () => fleet.account().acked.size / count
  const disturbance = disturb({ ensemble, fleet, progress })
  const report = await master.waitDone({ timeoutMs: LIMIT_MS })
  await disturbance
  await fleet.finished()

  assert.deepEqual({ done: report.done, dead: report.dead }, { done: count, dead: 0 })
  const { begun, acked, disturbed } = fleet.account()
  assert.deepEqual(new Set(begun.keys()), new Set(items))
  assert.ok(
    [...acked.values()].every((times) => times === 1),
    'no item is acked twice',
  )
  const again = [...begun].filter(([, times]) => times > 1).map(([item]) => item)
  assert.deepEqual(
    again.filter((item) => !disturbed.has(item)),
    [],
    'only items of killed workers run again',
  )
}

describeZookeeper('A queue that many workers share', function () {
  this.timeout(3 * LIMIT_MS)
  let single: Ensemble
  let three: Ensemble

  before(async () => {
    ;[single, three] = await Promise.all([startZookeeper(1), startZookeeper(3)])
  })
  after(() => Promise.all([single?.stop(), three?.stop()]))

  it('is done, each item once, when nothing happens', async () => {
    await survive(single, FULL, async () => {})
  })

  it('is done, each item acked once, while a worker is killed every second', async () => {
    let kills = 0
    await survive(single, FULL, async ({ fleet, progress }) => {
      while ((await progress()) < 0.8) {
        await fleet.replaceOne()
        kills++
        await delay(1000)
      }
    })
    assert.ok(kills >= 2)
  })

  it('is done, each item acked once, when the server is killed and started again', async () => {
    await survive(single, SERVER_FAULTS, async ({ ensemble, progress }) => {
      while ((await progress()) < 0.2) await delay(20)
      await ensemble.servers[0]!.restart()
    })
  })

  it('is done, each item acked once, when the leader of three is killed', async () => {
    await survive(three, SERVER_FAULTS, async ({ ensemble, progress }) => {
      while ((await progress()) < 0.2) await delay(20)
      const leader = await ensemble.leader()
      await leader.kill()
      while ((await progress()) < 0.6) await delay(20)
      leader.launch()
      await leader.ready()
    })
  })

  it('is done, each item acked once, when the quorum is lost for five seconds', async () => {
    await survive(three, SERVER_FAULTS, async ({ ensemble, progress }) => {
      while ((await progress()) < 0.2) await delay(20)
      const [, second, third] = ensemble.servers
      await Promise.all([second!.kill(), third!.kill()])
      await delay(5000)
      second!.launch()
      third!.launch()
      await Promise.all([second!.ready(), third!.ready()])
    })
  })
})
