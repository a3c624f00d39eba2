// Items with names, whose adder is killed, or stands still while another adds the same, at each step of its way: a
// name that somebody has added is in the queue, and never twice.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { WatchdogError } from '../../../lib'
import { attach } from '../../../lib/queue/incarnation/attach'
import { Adder } from '../../../lib/queue/items/adder'
import { PageStates } from '../../../lib/queue/items/page-states'
import { inspect } from '../../support/inspection'
import { interleaved } from '../../support/interleaved-store'
import { collect, connect } from '../../support/queue'
import { tempDir } from '../../support/temp-dir'

const NAMES = ['a', 'b', 'c']
const WRITES: ReadonlySet<string> = new Set(['create', 'set', 'delete'])

/** Adds the first two names, and calls `at` before the write with that number. Returns how many writes it made. */
async function addUntil(directory: string, step: number, at: () => Promise<void>): Promise<number> {
  let writes = 0
  let isDead = false
  const { store } = await inspect(directory)
  const slow = interleaved(store, async ({ method }) => {
    if (WRITES.has(method) && ++writes === step)
      await at().catch((error) => {
        isDead = true
        throw error
      })
    if (isDead) throw new WatchdogError('ERR_CLOSED', 'dead')
  })
  const incarnation = await attach(slow, {})
  const adder = new Adder(incarnation, new PageStates(incarnation))
  const traits = { priority: 0, delayMs: 0, id: String }
  await adder.add(NAMES.slice(0, 2), traits).catch((error) => assert.ok(isDead, error))
  return writes
}

async function onFreshQueue(test: (directory: string) => Promise<void>): Promise<void> {
  const directory = join(tempDir(), 'queue')
  const queue = await connect(directory)
  await queue.createQueue({ sealed: false })
  await test(directory)
}

/** Adds all names as another process would. */
async function addAll(directory: string): Promise<void> {
  await (await connect(directory)).add(NAMES, { id: (item) => item })
}

async function namesIn(directory: string): Promise<string[]> {
  const queue = await connect(directory)
  const known = (await collect(queue.items())).map(({ item }) => item)
  const worked: string[] = []
  const timer = await queue.createTimer('worker')
  await timer.run(async ({ item }) => worked.push(item), { until: 'empty' })
  assert.deepEqual(worked.sort(), known.sort(), 'what is in the queue can be worked on')
  return known
}

describe('Items with names', () => {
  let steps: number[]

  before('count the writes of an adder', async () => {
    await onFreshQueue(async (directory) => {
      const writes = await addUntil(directory, 0, async () => {})
      steps = Array.from({ length: writes }, (_, i) => i + 1)
    })
    assert.ok(steps.length > 6, `${steps.length} writes`)
  })

  it('are added once by the others, at whatever step their first adder is killed', async () => {
    await Promise.all(
      steps.map((step) =>
        onFreshQueue(async (directory) => {
          await addUntil(directory, step, async () => {
            throw new Error('killed')
          })

          await Promise.all([addAll(directory), addAll(directory)])

          assert.deepEqual(await namesIn(directory), NAMES, `killed before write ${step}`)
        }),
      ),
    )
  })

  it('are added once, also where the one who takes the names of a dead adder over is killed himself', async () => {
    const kill = async () => {
      throw new Error('killed')
    }
    // The two names, in nodes of their own, and their folder are written before the page is.
    const pageIsNext = steps.length - 3
    await Promise.all(
      steps.map((step) =>
        onFreshQueue(async (directory) => {
          await addUntil(directory, pageIsNext, kill)
          await addUntil(directory, step, kill)

          await addAll(directory)

          assert.deepEqual(await namesIn(directory), NAMES, `the second one killed before write ${step}`)
        }),
      ),
    )
  })

  it('are added once, at whatever step their first adder stands still while another adds them', async () => {
    await Promise.all(
      steps.map((step) =>
        onFreshQueue(async (directory) => {
          await addUntil(directory, step, () => addAll(directory))

          assert.deepEqual(await namesIn(directory), NAMES, `stood still before write ${step}`)
        }),
      ),
    )
  })
})
