// Many processes that write one page: most of their writes must not be in vain.

import assert from 'node:assert/strict'
import { setTimeout as delay } from 'node:timers/promises'
import type { Incarnation } from '../../../lib/queue/incarnation/incarnation'
import { PageStateWriter } from '../../../lib/queue/items/page-state-writer'
import { encodeState } from '../../../lib/queue/page-state/codec'
import { claim, newState } from '../../../lib/queue/page-state/page-state'

const WRITERS = 16
const STEPS = 6
/** How long a server takes to answer. */
const ANSWER_MS = 2

describe('The writers of one page', () => {
  it('need few tries for each of their steps, however many they are', async () => {
    const node = { version: 0, data: encodeState(newState(1000)), born: 1, changedAt: 0, children: 0 }
    let sets = 0
    const store = {
      url: 'zk://here/queue',
      get: async () => {
        await delay(ANSWER_MS / 2)
        const now = { ...node }
        await delay(ANSWER_MS / 2)
        return now
      },
      set: async (_: string, data: Buffer, version: number) => {
        sets++
        await delay(ANSWER_MS / 2)
        const isLate = version !== node.version
        if (!isLate) Object.assign(node, { data, version: version + 1 })
        const outcome = isLate
          ? { kind: 'conflict', maybeApplied: false }
          : { kind: 'set', info: { version: version + 1, changedAt: 0 } }
        await delay(ANSWER_MS / 2)
        return outcome
      },
    }
    const incarnation = { store, at: (...names: string[]) => names.join('/') } as unknown as Incarnation

    await Promise.all(
      Array.from({ length: WRITERS }, async (_, id) => {
        const writer = new PageStateWriter(incarnation, 'p00000')
        for (let i = 0; i < STEPS; i++) {
          const request = { token: `${id}-${i}`, wid: `${id}`, max: 1, source: 'fresh' } as const
          assert.ok(await writer.submit({ name: 'claim', apply: (state) => claim(state, request) }))
        }
      }),
    )

    const tries = sets / (WRITERS * STEPS)
    assert.ok(tries < 3, `${tries} tries for each step`)
  })
})
