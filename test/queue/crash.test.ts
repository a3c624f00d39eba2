// Many workers on one queue while things break: each item is acked once, and only items of those
// that were killed are run again.

import { setTimeout as delay } from 'node:timers/promises'
import { killEvery, type Running, survive } from '../support/fleet'
import { connect, describeZookeeper, SESSION_MS, uniqueRoot } from '../support/queue'
import { type Ensemble, startZookeeper } from '../support/zookeeper-server'

const SIZE = { workers: 10, items: 5000 }
const LIMIT_MS = 120_000

async function surviveOn(
  ensemble: Ensemble,
  disturb: (running: Running) => Promise<void>,
  portions?: number,
): Promise<void> {
  const url = `zk://${ensemble.hosts}${uniqueRoot()}`
  const master = await connect(url, { connectTimeoutMs: 30_000, sessionTimeoutMs: 4000 })
  const trial = { master, url, ...SIZE, itemMs: 8, sessionMs: SESSION_MS, limitMs: LIMIT_MS }
  await survive(trial, disturb, portions)
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
    await surviveOn(single, async () => {})
  })

  it('is done, each item acked once, while a worker is killed every second', async () => {
    const kills = 5
    await surviveOn(single, killEvery(1000, kills), kills + 1)
  })

  it('is done, each item acked once, when the server is killed and started again', async () => {
    await surviveOn(single, async ({ progress }) => {
      while (progress() < 0.2) await delay(20)
      await single.servers[0]!.restart()
    })
  })

  it('is done, each item acked once, when the leader of three is killed', async () => {
    await surviveOn(three, async ({ progress }) => {
      while (progress() < 0.2) await delay(20)
      const leader = await three.leader()
      await leader.kill()
      while (progress() < 0.6) await delay(20)
      leader.launch()
      await leader.ready()
    })
  })

  it('is done, each item acked once, when the quorum is lost for five seconds', async () => {
    await surviveOn(three, async ({ progress }) => {
      while (progress() < 0.2) await delay(20)
      const [, second, third] = three.servers
      await Promise.all([second!.kill(), third!.kill()])
      await delay(5000)
      second!.launch()
      third!.launch()
      await Promise.all([second!.ready(), third!.ready()])
    })
  })
})
