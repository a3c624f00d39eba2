// What a caller of the fleet may say, and how an agent keeps its pace.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { Fleet, type JoinOptions } from '../../lib'
import { Pace } from '../../lib/fleet/pace'
import { tempDir } from '../support/temp-dir'

describe('Options of a fleet', () => {
  const refused: [what: string, options: object, message: RegExp][] = [
    ['no boards', { boards: [] }, /'boards' to be a list of 1 to 16 boards or directories, got a list of 0/],
    [
      'what is no board',
      { boards: [{}] },
      /'boards' to have boards or directories, got an instance of Object/,
    ],
    ['a board twice', { boards: ['/run/a', '/run/../run/a'] }, /got \/run\/a twice/],
    ['a misspelt option', { boards: ['/a'], lables: {} }, /Unknown option 'lables'.*did you mean 'labels'/],
    ['a name without letters', { boards: ['/a'], name: '' }, /'name' to be a text of 1 to 128 bytes/],
    [
      'labels that break a line',
      { boards: ['/a'], labels: { 'a b': 'x' } },
      /'labels' to have names of 1 to 63/,
    ],
    [
      'a page that is no URL',
      { boards: ['/a'], page: 'javascript:1' },
      /'page' to be an http:\/\/ or https:\/\/ URL/,
    ],
    [
      'statuses of no length',
      { boards: ['/a'], statusBytes: 63 },
      /'statusBytes' to be an integer from 64 to 4096/,
    ],
    ['a hand-over of a session', { boards: ['/a'], session: {} }, /Unknown option 'session'/],
  ]
  for (const [what, options, message] of refused) {
    it(`refuse ${what}, before anything is touched`, async () => {
      await assert.rejects(Fleet.join(`local:${join(tempDir(), 'fleet')}`, options as JoinOptions), {
        message,
      })
    })
  }

  it('refuse what a viewer may not ask for', async () => {
    const url = `local:${join(tempDir(), 'fleet')}`
    await assert.rejects(
      Fleet.connect(url, { minIntervalMs: 99 }),
      /'minIntervalMs' to be an integer from 100 to 60000/,
    )
    await assert.rejects(Fleet.connect('redis://x'), /Expected a URL like/)
  })
})

describe('The pace of an agent', () => {
  it('halves where writes are slow, up to a minute, and comes back to what was asked for', () => {
    const pace = new Pace(1000)

    pace.took(501)
    assert.equal(pace.intervalMs, 2000)
    assert.ok(pace.isSlow)
    for (let i = 0; i < 10; i++) pace.took(10_000)
    assert.equal(pace.intervalMs, 60_000)
    for (let i = 0; i < 10; i++) pace.took(499)

    assert.equal(pace.intervalMs, 1000)
    assert.ok(!pace.isSlow)
  })
})
