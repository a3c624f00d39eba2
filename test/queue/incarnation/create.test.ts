// A queue appears all at once or not at all, and goes completely, wherever its maker was killed.

import assert from 'node:assert/strict'
import type { WatchdogQueue } from '../../../lib'
import { eventually } from '../../support/eventually'
import { Hand } from '../../support/hand'
import { BreakingProxy, REQUEST_TYPES } from '../../support/proxy'
import { connect, describeZookeeper, sharedServer, uniqueRoot, uniqueUrl } from '../../support/queue'

const WRITES = new Set<number>([REQUEST_TYPES.create, REQUEST_TYPES.set, REQUEST_TYPES.delete])
const ITEMS = Array.from({ length: 150 }, (_, i) => `item ${i}`)
const AT_ONCE = 4

/** Runs `method` in a process that is killed at its write number `step`; false when there were fewer. */
async function killedAt(root: string, step: number, method: string, ...args: unknown[]): Promise<boolean> {
  const proxy = await BreakingProxy.start((await sharedServer()).servers[0]!.port)
  try {
    const hand = await Hand.on(`zk://127.0.0.1:${proxy.port}${root}`, { sessionTimeoutMs: 500 })
    let writes = 0
    proxy.judge = ({ type }) => {
      if (!WRITES.has(type) || ++writes < step) return 'pass'
      hand.child.signal('SIGKILL')
      return 'withhold'
    }
    const survived = await hand.do('queue', method, ...args).then(
      () => true,
      () => false,
    )
    if (survived) return false
    const { signal } = await hand.child.exited
    assert.equal(signal, 'SIGKILL')
    return true
  } finally {
    await proxy.stop()
  }
}

/** Does `trial` for step 1, 2, ... until one says that there was no such step. Returns how many there were. */
async function eachStep(trial: (step: number) => Promise<boolean>): Promise<number> {
  for (let first = 1; ; first += AT_ONCE) {
    const steps = Array.from({ length: AT_ONCE }, (_, i) => first + i)
    const outcomes = await Promise.all(steps.map(trial))
    const end = outcomes.indexOf(false)
    if (end !== -1) return first + end - 1
  }
}

async function attached(queue: WatchdogQueue): Promise<boolean> {
  return queue.attachQueue().then(
    () => true,
    (error) => {
      assert.equal(error.code, 'ERR_NOT_FOUND')
      return false
    },
  )
}

/** A creator that was killed counts as at work until its session ends. */
async function createOnceFree(queue: WatchdogQueue): Promise<void> {
  await eventually(
    () =>
      queue.createQueue({ queue: ['new'] }).then(
        () => true,
        (error) => {
          assert.equal(error.code, 'ERR_EXISTS')
          return false
        },
      ),
    'the place to be free',
  )
}

describeZookeeper('Creating a queue', function () {
  this.timeout(120_000)

  it('leaves the whole queue or none, and a free place, wherever its creator is killed', async () => {
    const { hosts } = await sharedServer()
    const steps = await eachStep(async (step) => {
      const root = uniqueRoot()
      const killed = await killedAt(root, step, 'createQueue', { queue: ITEMS, syncStart: true })
      const observer = await connect(`zk://${hosts}${root}`)

      if (await attached(observer)) assert.deepEqual((await observer.counts()).total, ITEMS.length)
      else await createOnceFree(observer)
      assert.ok((await observer.queueCount()) > 0)

      await observer.destroy()
      assert.equal(await observer.exists(''), false)
      await observer.close()
      return killed
    })

    assert.ok(steps >= 15, `${steps} steps`)
  })
})

describeZookeeper('Destroying a queue', function () {
  this.timeout(120_000)

  it('is resumed by another, wherever the first was killed', async () => {
    const { hosts } = await sharedServer()
    const steps = await eachStep(async (part) => {
      const step = 1 + (part - 1) * 2
      const root = uniqueRoot()
      const observer = await connect(`zk://${hosts}${root}`)
      await observer.createQueue({ queue: ITEMS, syncStart: true })
      const killed = await killedAt(root, step, 'destroy')

      if (killed && step > 1) assert.equal(await attached(await connect(`zk://${hosts}${root}`)), false)
      await observer.destroy().catch((error) => assert.equal(error.code, 'ERR_NOT_FOUND'))

      assert.equal(await observer.exists(''), false)
      await observer.close()
      return killed
    })

    assert.ok(steps >= 5, `${steps} steps`)
  })

  it('keeps a root that has foreign children, and them', async () => {
    const url = await uniqueUrl()
    const queue = await connect(url)
    await queue.createQueue({ queue: ['a'] })
    const foreign = await connect(`${url}/foreign`)
    await foreign.createQueue({ queue: ['b'] })

    await assert.rejects(queue.destroy(), /children that are not ours \(foreign\)/)

    assert.equal(await foreign.queueCount(), 1)
  })
})
