// The guide's table of metrics has every series that /metrics gives, and no other.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { instrument, renderMetrics } from '../../lib'
import { open } from '../support/boards'
import { eventually } from '../support/eventually'
import { ROOT } from '../support/paths'
import { ask, listening } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const SECTION = /### What is in it\n([\s\S]*?)\n### /
const YOURS = new Map([
  ['rollcall_<name>_total', 'rollcall_mine_total'],
  ['rollcall_<name>', 'rollcall_level'],
  ['rollcall_shared_<name>', 'rollcall_shared_ours'],
])

/** Names as they are written, each with its labels but that of the worker. */
function ofGuide(): Map<string, string[]> {
  const guide = readFileSync(join(ROOT, 'docs', 'guide', 'servers-and-metrics.md'), 'utf8')
  const cells = SECTION.exec(guide)![1]!.matchAll(/^\| (`rollcall_[^|]*) \|/gm)
  const series = [...cells].flatMap(([, cell]) => [...cell!.matchAll(/`([^`{]+)(?:\{([^}]+)\})?`/g)])
  return new Map(series.map(([, name, labels]) => [YOURS.get(name!) ?? name!, labels?.split(',') ?? []]))
}

/** As Prometheus has them. */
function ofMetrics(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [, name, type] of text.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
    const suffix = type === 'histogram' ? '_count' : ''
    const labels = [...text.matchAll(new RegExp(`^${name}${suffix}(?:\\{(.*)\\})? `, 'gm'))].flatMap(
      ([, inside = '']) => [...inside.matchAll(/(\w+)="/g)].map(([, label]) => label!),
    )
    found.set(name!, [...new Set(labels)].filter((label) => label !== 'worker').sort())
  }
  return found
}

describe("The guide's table of metrics", () => {
  it('has what /metrics gives', async () => {
    const counters = { mine: 'counter', level: 'gauge' } as const
    const board = open({ baseDir: tempDir(), counters, sharedCounters: ['ours'] })
    const server = createServer((_, response) => response.end('x'))
    instrument(server, { board, metrics: true, route: () => '/all' })
    await ask((await listening(server)).port)
    const counts = { total: 0, ready: 0, delayed: 0, leased: 0, done: 0, dead: 0, failed: 0, retried: 0 }
    const queues = [{ name: 'jobs', counts, timers: [] }]
    const text = await eventually(() => {
      const all = renderMetrics(board, { queues })
      return all.includes('route="/all"') && all
    }, 'the request to be counted')

    const [guide, given] = [ofGuide(), ofMetrics(text as string)]

    assert.deepEqual([...guide.keys()].sort(), [...given.keys()].sort())
    for (const [name, labels] of guide) assert.deepEqual(labels.sort(), given.get(name), name)
  })
})
