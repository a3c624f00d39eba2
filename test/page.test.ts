import assert from 'node:assert/strict'
import fc from 'fast-check'
import {
  type EncodedPage,
  encodePages,
  itemAt,
  MAX_PAGE_BYTES,
  MAX_PAGE_ITEMS,
  pageIndex,
} from '../lib/watchdog/page'

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

  it('take an item of 1,000,000 bytes and refuse one more', async () => {
    assert.equal((await pagesOf(['x'.repeat(1_000_000)])).length, 1)

    await assert.rejects(pagesOf(['x'.repeat(1_000_001)]), { name: 'WatchdogError', code: 'ERR_TOO_LARGE' })
  })

  it('refuse what JSON cannot say', async () => {
    await assert.rejects(pagesOf([() => 1]), TypeError)
  })

  it('are told from bytes that are none, cut short or not', async () => {
    const [page] = await pagesOf(['a', 'b', 'c'])

    for (let length = 0; length < page!.bytes.length; length++) {
      assert.equal(pageIndex(page!.bytes.subarray(0, length)), undefined)
    }
    assert.equal(pageIndex(Buffer.alloc(64, 0xff)), undefined)
  })
})
