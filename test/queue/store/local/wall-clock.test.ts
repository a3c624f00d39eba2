// The clock of the delays of a local queue: one for all processes, which nobody can set.

import assert from 'node:assert/strict'
import type { LocalDatabase } from '../../../../lib/queue/store/local/database'
import { readWallClock } from '../../../../lib/queue/store/local/wall-clock'
import { monotonicMs } from '../../../../lib/util/clock'

/** One node, in memory. Beside it somebody else may write, just before we do. */
class OneNode {
  text: string | undefined
  version = 0
  beside: (() => void) | undefined

  get(): { data: Buffer; version: number } | undefined {
    return this.text === undefined ? undefined : { data: Buffer.from(this.text), version: this.version }
  }

  update(_node: string, data: Buffer, version: number): void {
    this.beside?.()
    this.beside = undefined
    if (version !== this.version) return
    this.text = data.toString()
    this.version += 1
  }
}

const read = (node: OneNode) => readWallClock(node as unknown as LocalDatabase, 'clock')

describe('The clock of a local queue', () => {
  it('is none where its node is missing', () => {
    assert.equal(read(new OneNode()), undefined)
  })

  it('is that of the first process to look after a boot, and for all others the same', () => {
    const node = new OneNode()
    node.text = '{}'
    const first = read(node)!

    // As if the wall clock had been an hour behind then: what is on record counts, for as long as the machine runs.
    const { boot, startedAt } = JSON.parse(node.text)
    node.text = JSON.stringify({ boot, startedAt: startedAt - 3_600_000 })
    const later = read(node)!

    assert.ok(Math.abs(first - Date.now()) < 60_000)
    assert.ok(Math.abs(later - (first - 3_600_000)) < 60_000)
    assert.equal(node.version, 1)
  })

  it('begins anew after a boot, and where what is on record is damaged', () => {
    for (const text of [
      JSON.stringify({ boot: 'another', startedAt: 5 }),
      JSON.stringify({ boot: 'another' }),
      'no JSON',
      '[]',
    ]) {
      const node = new OneNode()
      node.text = text

      assert.ok(Math.abs(read(node)! - Date.now()) < 60_000, text)
      assert.equal(node.version, 1)
    }
  })

  it('is the other one’s where two are the first', () => {
    const node = new OneNode()
    node.text = '{}'
    node.beside = () => {
      const other = new OneNode()
      other.text = '{}'
      read(other)
      const { boot } = JSON.parse(other.text)
      node.text = JSON.stringify({ boot, startedAt: 1000 })
      node.version += 1
    }

    const now = read(node)!

    assert.ok(Math.abs(now - 1000 - monotonicMs()) < 60_000)
  })
})
