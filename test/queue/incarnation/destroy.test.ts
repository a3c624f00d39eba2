// Making and taking down a queue while others do the same: at each step, whatever they have done just before.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { openStore } from '../../../lib/queue/connect'
import { create } from '../../../lib/queue/incarnation/create'
import { destroy } from '../../../lib/queue/incarnation/destroy'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import { interleaved } from '../../support/interleaved-store'
import { tempDir } from '../../support/temp-dir'

const REQUEST = {
  settings: {
    timerMs: 60_000,
    maxAttempts: 3,
    onExpire: 'report',
    expect: undefined,
    itemless: false,
  },
  items: ['a', 'b'],
  syncStart: false,
  sealed: true,
  ifExists: 'error',
  traits: { priority: 0, delayMs: 0 },
} as const

describe('Taking down a queue', () => {
  it('leaves alone the queue that has taken its place, at whatever step that happened', async () => {
    const steps: string[] = []
    for (let isReached = true; isReached; ) {
      const url = join(tempDir(), 'queue')
      const [mine, other] = [await openStore(url, {}), await openStore(url, {})]
      const old = await create(mine, REQUEST)
      let replaced: Incarnation | undefined
      let calls = 0
      const slow = interleaved(mine, async ({ method, path }) => {
        if (calls++ !== steps.length) return
        steps.push(`${method} ${path === '' ? 'root' : 'below'}`)
        await destroy(other)
        replaced = await create(other, REQUEST)
        calls = Number.POSITIVE_INFINITY
      })

      await destroy(slow, old.id)

      isReached = replaced !== undefined
      // Versions begin anew with each root, so one step cannot tell: docs/PROTOCOL.md, limits.
      if (replaced !== undefined && steps.at(-1) !== 'set root') {
        await replaced.assertThere()
        assert.equal((await other.list(replaced.at('pages')))?.length, 1, steps.at(-1))
      }
      await mine.close()
      await other.close()
    }
    assert.ok(steps.length > 5, steps.join())
  })
})
