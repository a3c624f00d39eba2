// Where each item of a page is, for those who look; page-history.test.ts compares it with a model.

import assert from 'node:assert/strict'
import { newState, type PageState } from '../../../lib/queue/page-state/page-state'
import { places } from '../../../lib/queue/page-state/places'

describe('The places of the items of a page', () => {
  const claim = { token: 't', wid: 'w', fence: 1, suspect: false, log: 0 }
  const state: PageState = {
    ...newState(14),
    cursor: 12,
    claims: [{ ...claim, from: 1, to: 5, attempts: 1, settled: [[2, 4]] }],
    retry: [{ from: 3, to: 4, attempts: 2 }],
    suspects: [{ from: 6, to: 7, attempts: 0 }],
    delayed: [
      { from: 7, to: 8, attempts: 1, until: 10 },
      { from: 8, to: 9, attempts: 1, until: 20 },
    ],
    dead: [[9, 11]],
    done: 4,
  }

  it('are ranges in order, with what is known of each and nothing between', () => {
    assert.deepEqual(places(state, 10), [
      { from: 0, to: 1, place: 'done' },
      { from: 1, to: 2, place: 'leased', attempts: 1, wid: 'w' },
      { from: 2, to: 3, place: 'done' },
      { from: 3, to: 4, place: 'ready', attempts: 2 },
      { from: 4, to: 5, place: 'leased', attempts: 1, wid: 'w' },
      { from: 5, to: 6, place: 'done' },
      { from: 6, to: 7, place: 'ready', attempts: 0 },
      { from: 7, to: 8, place: 'ready', attempts: 1 },
      { from: 8, to: 9, place: 'delayed', attempts: 1, until: 20 },
      { from: 9, to: 11, place: 'dead' },
      { from: 11, to: 12, place: 'done' },
      { from: 12, to: 14, place: 'ready', attempts: 0 },
    ])
  })

  it('are one where all is done, or nothing was leased', () => {
    assert.deepEqual(places({ ...newState(3), cursor: 3, done: 3 }, 0), [{ from: 0, to: 3, place: 'done' }])
    assert.deepEqual(places(newState(3), 0), [{ from: 0, to: 3, place: 'ready', attempts: 0 }])
    assert.deepEqual(places({ ...newState(3), cursor: 3, dead: [[0, 3]] }, 0), [
      { from: 0, to: 3, place: 'dead' },
    ])
    assert.deepEqual(places(newState(0), 0), [])
  })
})
