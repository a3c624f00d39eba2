// The status page of a busy board with many open pages.

import assert from 'node:assert/strict'

import { startChild, startReady } from '../support/child'
import { eventually } from '../support/eventually'
import { EventStream, type ServerEvent } from '../support/raw-http'
import { tempDir } from '../support/temp-dir'

const PAGES = 200
const WORKERS = 100
const PER_SECOND = 10_000
const FRAMES_A_ROUND = 5
const WARM_UP = 1
const ROUNDS = 2
/** A frame of all workers is 15 kB: kept for each page, or each frame for ever, would be far more. */
const MOST_GROWTH_BYTES = 3 * 1024 * 1024

interface View {
  key: string
  id: string
  doing: string
}

class LoadedPage {
  readonly doing = new Map<string, string>()
  changes = 0

  readonly onEvent = ({ event, data }: ServerEvent) => {
    const { workers, changed, removed } = data as { workers?: View[]; changed?: View[]; removed?: string[] }
    if (event === 'change') this.changes++
    if (event === 'all') this.doing.clear()
    for (const key of removed ?? []) this.doing.delete(key)
    for (const { key, doing } of workers ?? changed ?? []) this.doing.set(key, doing)
  }

  get isAtRest(): boolean {
    if (this.doing.size !== WORKERS) return false
    for (const doing of this.doing.values()) if (doing !== 'at rest') return false
    return true
  }
}

describe('a status page under load', () => {
  it(`keeps ${PAGES} pages up to date at ${PER_SECOND} updates a second, drops no worker and does not grow`, async () => {
    const baseDir = tempDir()
    const options = { baseDir, count: WORKERS, perSecond: PER_SECOND }
    const workers = await startReady('status-crowd', JSON.stringify(options))
    const server = startChild('status-server', baseDir)
    const port = await server.message<number>()
    const pages = Array.from({ length: PAGES }, () => new LoadedPage())
    for (const page of pages) await EventStream.open(port, page.onEvent)

    const heap: number[] = []
    for (let round = 0; round < WARM_UP + ROUNDS; round++) {
      const before = pages.map(({ changes }) => changes)
      await eventually(
        () => pages.every(({ changes }, i) => changes >= before[i]! + FRAMES_A_ROUND),
        () => `frames for all pages, got ${Math.min(...pages.map(({ changes }, i) => changes - before[i]!))}`,
      )
      await workers.ask('rest')
      await eventually(
        () => pages.every((page) => page.isAtRest),
        () => `all pages to know all workers; ${pages.filter((page) => !page.isAtRest).length} do not`,
      )
      heap.push((await server.ask<{ bytes: number }>('memory')).bytes)
      workers.process.send('work')
    }

    const growth = heap.at(-1)! - heap[WARM_UP - 1]!
    assert.ok(growth < MOST_GROWTH_BYTES, `grew by ${growth} bytes: ${heap.join(', ')}`)
  })
})
