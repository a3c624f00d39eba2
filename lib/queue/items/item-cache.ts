// The items themselves: pages of them never change, so the last few stay in memory.

import { WatchdogError } from '../../util/errors'
import type { Incarnation } from '../incarnation/incarnation'
import { itemAt, pageIndex } from '../page-state/item-page'
import { mayGrow } from '../page-state/page-name'

const CACHED_PAGES = 8

interface LoadedPage {
  readonly bytes: Buffer
  readonly offsets: Uint32Array
}

export class ItemCache {
  readonly #incarnation: Incarnation
  readonly #sizeOf: (page: string) => number | undefined
  readonly #loaded = new Map<string, Promise<LoadedPage>>()

  /** `sizeOf`: how many items a page has, by its state as far as that is known. */
  constructor(incarnation: Incarnation, sizeOf: (page: string) => number | undefined) {
    this.#incarnation = incarnation
    this.#sizeOf = sizeOf
  }

  async item(page: string, index: number): Promise<unknown> {
    return (await this.items(page, index, index + 1))[0]
  }

  /** The items in `[from, to)`. */
  async items(page: string, from: number, to: number): Promise<unknown[]> {
    let loaded = await this.#load(page)
    if (loaded.offsets.length < to && mayGrow(page)) {
      this.#loaded.delete(page)
      loaded = await this.#load(page)
    }
    const { bytes, offsets } = loaded
    const items: unknown[] = []
    for (let index = from; index < to; index++) {
      if (index >= offsets.length) throw new WatchdogError('ERR_CORRUPT', `Page ${page} has no item ${index}`)
      try {
        items.push(itemAt(bytes, offsets[index]!))
      } catch (cause) {
        const message = `Item ${index} of page ${page} is not the JSON it claims to be`
        throw new WatchdogError('ERR_CORRUPT', message, { cause })
      }
    }
    return items
  }

  #load(page: string): Promise<LoadedPage> {
    const loaded = this.#loaded.get(page)
    if (loaded !== undefined) return loaded
    const loading = this.#read(page)
    this.#loaded.set(page, loading)
    loading.catch(() => this.#loaded.delete(page))
    const oldest = this.#loaded.keys().next().value
    if (this.#loaded.size > CACHED_PAGES && oldest !== undefined) this.#loaded.delete(oldest)
    return loading
  }

  async #read(page: string): Promise<LoadedPage> {
    const { store } = this.#incarnation
    const path = this.#incarnation.at('pages', page)
    const node = await store.get(path)
    if (node === undefined) {
      await this.#incarnation.assertThere()
      throw new WatchdogError('ERR_CORRUPT', `Page ${page} of ${store.url} is missing`, { path })
    }
    const offsets = pageIndex(node.data)
    if (offsets === undefined) {
      throw new WatchdogError('ERR_CORRUPT', `Page ${page} of ${store.url} is not readable`, { path })
    }
    const size = this.#sizeOf(page)
    // What was added last is on the page before the state says so.
    const isOther = size !== undefined && (mayGrow(page) ? size > offsets.length : size !== offsets.length)
    if (isOther) {
      const why = `The state of page ${page} of ${store.url} is of ${size} items, the page has ${offsets.length}`
      throw new WatchdogError('ERR_CORRUPT', why, { path })
    }
    return { bytes: node.data, offsets }
  }
}
