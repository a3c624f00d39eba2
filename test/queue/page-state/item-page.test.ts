// Pages of items: how items become bytes, and come back.

import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type EncodedPage,
  encodePages,
  itemAt,
  itemBytes,
  joinPages,
  MAX_PAGE_BYTES,
  pageIndex,
  pageSize,
} from '../../../lib/queue/page-state/item-page'
import { MAX_DEPTH, MAX_PAGE_ITEMS } from '../../../lib/util/bounds'

async function pagesOf(items: Iterable<unknown>): Promise<EncodedPage[]> {
  const pages: EncodedPage[] = []
  for await (const page of encodePages(items)) pages.push(page)
  return pages
}

function itemsOf(pages: readonly EncodedPage[]): unknown[] {
  return pages.flatMap(({ bytes }) => [...pageIndex(bytes)!].map((offset) => itemAt(bytes, offset)))
}

describe('Pages of items', () => {
  it('give back text, bytes and JSON as they came, in order', async () => {
    const item = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value))),
    )

    await fc.assert(
      fc.asyncProperty(fc.array(item, { maxLength: 300 }), async (items) => {
        assert.deepEqual(itemsOf(await pagesOf(items)), items)
      }),
      { numRuns: 100 },
    )
  })

  it('stay within their limits, except for one big item alone', async () => {
    const items = Array.from({ length: 5000 }, (_, i) => (i % 997 === 0 ? 'x'.repeat(900_000) : `item ${i}`))

    const pages = await pagesOf(items)

    assert.deepEqual(itemsOf(pages), items)
    for (const { size, bytes } of pages) {
      assert.ok(size <= MAX_PAGE_ITEMS)
      assert.ok(bytes.length <= MAX_PAGE_BYTES + 8 || size === 1)
    }
  })

  it('have the bytes that the format says', async () => {
    const [page] = await pagesOf(['ü', Buffer.from([7]), [1]])

    const magic = Buffer.from('RCP1')
    const items = [0, 2, 0, 0, 0, 0xc3, 0xbc, 1, 1, 0, 0, 0, 7, 2, 3, 0, 0, 0, 0x5b, 0x31, 0x5d]
    assert.deepEqual(page!.bytes, Buffer.from([...magic, 3, 0, 0, 0, ...items]))
  })

  it('have a small part of the items before them each, and none is empty', async () => {
    const sizes = (await pagesOf(Array.from({ length: 40_000 }, (_, i) => i))).map(({ size }) => size)

    assert.deepEqual(sizes.slice(0, 18), [...Array.from({ length: 17 }, () => 100), 106])
    let before = 0
    for (const size of sizes) {
      assert.ok(size > 0 && size <= Math.min(1000, Math.max(100, before / 16)), `${size} after ${before}`)
      before += size
    }
    assert.equal(before, 40_000)
    assert.equal(sizes.at(-2), 1000)
    assert.deepEqual(await pagesOf([]), [])
  })

  it('are full at exactly 512 KiB of items', async () => {
    const half = 'x'.repeat(MAX_PAGE_BYTES / 2 - 5)

    assert.equal(MAX_PAGE_BYTES, 512 * 1024)
    assert.deepEqual(
      (await pagesOf([half, half])).map(({ size }) => size),
      [2],
    )
    assert.deepEqual(
      (await pagesOf([half, `${half}x`])).map(({ size }) => size),
      [1, 1],
    )
  })

  it('take an item of 1,000,000 bytes and refuse one more', async () => {
    assert.equal((await pagesOf(['x'.repeat(1_000_000)])).length, 1)

    await assert.rejects(pagesOf(['first', 'second', 'x'.repeat(1_000_001)]), {
      name: 'WatchdogError',
      code: 'ERR_TOO_LARGE',
      message: /^Item 2 has 1000001 bytes; at most 1000000 are possible\. Put it in a file/,
    })
  })

  it('refuse what JSON cannot say', async () => {
    await assert.rejects(pagesOf([() => 1]), {
      name: 'TypeError',
      message: 'Expected an item to be text, bytes or something JSON can say, got a function',
    })
  })

  it('refuse what is nested too deep for whoever reads it', async () => {
    let deep: unknown = 0
    for (let i = 0; i < MAX_DEPTH; i++) deep = [deep]

    assert.deepEqual(itemsOf(await pagesOf([deep])), [deep])
    await assert.rejects(pagesOf([[deep]]), {
      name: 'RangeError',
      message: `Expected an item to be nested at most ${MAX_DEPTH} levels deep`,
    })
  })

  it('grow by what an item is said to take', async () => {
    const [one, two] = [await pagesOf(['a']), await pagesOf(['a', { b: 'ü' }])]

    assert.equal(two[0]!.bytes.length - one[0]!.bytes.length, itemBytes({ b: 'ü' }))
  })

  it('are joined to one with the items of both', async () => {
    const [[first], [then]] = [await pagesOf(['a', 'b']), await pagesOf([{ c: 1 }])]

    const both = joinPages(first!, then!)

    assert.deepEqual(itemsOf([both]), ['a', 'b', { c: 1 }])
    assert.equal(both.size, 3)
    assert.equal(pageSize(both.bytes), 3)
  })

  it('have no more items than a page may have', () => {
    const page = (count: number) => {
      const some = Buffer.alloc(8 + 5 * count)
      some.write('RCP1')
      some.writeUInt32LE(count, 4)
      return pageSize(some)
    }

    assert.deepEqual([page(MAX_PAGE_ITEMS), page(MAX_PAGE_ITEMS + 1)], [MAX_PAGE_ITEMS, undefined])
  })

  it('say how many items they have, and nothing where they have no bytes for them', () => {
    const page = (count: number, bytes: number) => {
      const some = Buffer.alloc(8 + bytes)
      some.write('RCP1')
      some.writeUInt32LE(count, 4)
      return pageSize(some)
    }

    assert.deepEqual(
      [page(0, 0), page(1, 5), page(1, 4), page(3, 15), page(3, 14)],
      [0, 1, undefined, 3, undefined],
    )
    assert.equal(pageSize(Buffer.from('RCP2\0\0\0\0')), undefined)
    assert.equal(pageSize(Buffer.from('RCP1\0\0\0')), undefined)
  })

  it('are told from bytes that are none, cut short or not', async () => {
    const [page] = await pagesOf(['a', 'b', 'c'])

    for (let length = 0; length < page!.bytes.length; length++) {
      assert.equal(pageIndex(page!.bytes.subarray(0, length)), undefined)
    }
    assert.equal(pageIndex(Buffer.alloc(64, 0xff)), undefined)
    assert.equal(pageIndex(Buffer.concat([page!.bytes, Buffer.alloc(1)])), undefined)
    const strange = Buffer.from(page!.bytes)
    strange[8] = 3
    assert.equal(pageIndex(strange), undefined)
  })
})
