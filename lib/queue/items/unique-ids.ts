// Names of items: one whose name is known is not added again. The names are kept by their digest in 256 nodes, each
// with the page that the item is on; a name is known as soon as that page is part of the queue.
//
//   ids/<two digits>   {"<page>": [digest, ...], ...}
//
// A name is entered before its page is made, so an adder that was killed leaves names without an item. Whoever finds
// one makes the page himself, as one that never was, and takes the name over; of him and an adder who was merely
// slow, one makes that page, and the other finds it. A page that was made and not yet joined is joined by whoever
// finds it. So of all who add a name at the same time, one adds it, wherever the others are killed.

import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { isPageName, parseRecord } from '../../util/bounds'
import { EMPTY } from '../../util/bytes'
import { describeValue } from '../../util/check-options'
import { WatchdogError } from '../../util/errors'
import type { Incarnation } from '../incarnation/incarnation'
import { KEPT_PAGE } from '../incarnation/totals'
import { decodeState } from '../page-state/codec'
import { isComplete } from '../page-state/page-state'

const FOLDER = 'ids'
/** In place of a page that never was. */
const NEVER_TEXT = 'never'
const NEVER = Buffer.from(NEVER_TEXT)
const DIGEST = /^[\w-]{16}$/
const DIGEST_BYTES = 12
/** Of one node: with two million names in all, it is still below half of what ZooKeeper takes. */
const MAX_NAMES = 8192
const AT_ONCE = 32
/** How long an adder who has entered a name may take to make its page before it counts as dead. */
const GRACE_MS = 100

/** The digest of a name. */
export function digestOf(name: unknown): string {
  if (typeof name !== 'string' || name === '') {
    throw new TypeError(`Expected option 'id' to give a text that is not empty, got ${describeValue(name)}`)
  }
  return createHash('sha256').update(name).digest().subarray(0, DIGEST_BYTES).toString('base64url')
}

function bucketOf(digest: string): string {
  return Buffer.from(digest, 'base64url').subarray(0, 1).toString('hex')
}

export class UniqueIds {
  readonly #incarnation: Incarnation
  /** Pages that are known to be part of the queue, or to have never been: neither changes. */
  readonly #verdicts = new Map<string, boolean>()

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation
  }

  /** Enters names for the items of a page that is about to be made. Returns those that nobody has added before. */
  async enter(digests: readonly string[], page: string): Promise<Set<string>> {
    const buckets = new Map<string, string[]>()
    for (const digest of digests) {
      const bucket = bucketOf(digest)
      buckets.set(bucket, [...(buckets.get(bucket) ?? []), digest])
    }
    const own = new Set<string>()
    const waiting = [...buckets]
    for (let i = 0; i < waiting.length; i += AT_ONCE) {
      const some = waiting.slice(i, i + AT_ONCE)
      const entered = await Promise.all(some.map(([bucket, names]) => this.#enter(bucket, names, page)))
      for (const digest of entered.flat()) own.add(digest)
    }
    return own
  }

  async #enter(bucket: string, digests: readonly string[], page: string): Promise<string[]> {
    const { store } = this.#incarnation
    const path = this.#incarnation.at(FOLDER, bucket)
    for (;;) {
      const node = await store.get(path)
      const known = node === undefined ? new Map<string, string>() : this.#decode(node.data, path)
      const own: string[] = []
      for (const digest of digests) {
        const other = known.get(digest)
        if (other === undefined || other === page || !(await this.#isAdded(other))) own.push(digest)
      }
      if (own.every((digest) => known.get(digest) === page)) return own
      for (const digest of own) known.set(digest, page)
      if (known.size > MAX_NAMES) throw this.#full(path)
      const data = encode(known)
      if (node === undefined ? await this.#create(path, data) : await this.#set(path, data, node.version))
        return own
    }
  }

  async #set(path: string, data: Buffer, version: number): Promise<boolean> {
    const { store } = this.#incarnation
    const outcome = await store.set(path, data, version, { quiet: true })
    if (outcome.kind === 'missing') throw this.#incarnation.closed()
    return outcome.kind === 'set'
  }

  async #create(path: string, data: Buffer): Promise<boolean> {
    const { store } = this.#incarnation
    const made = await store.create(path, data)
    if (made === 'orphan' && (await store.create(this.#incarnation.at(FOLDER), EMPTY)) === 'orphan')
      throw this.#incarnation.closed()
    return made === 'created'
  }

  #decode(data: Buffer, path: string): Map<string, string> {
    const known = new Map<string, string>()
    for (const [page, digests] of Object.entries(parseRecord(data) ?? { '': undefined })) {
      const isSound =
        isPageName(page) && Array.isArray(digests) && digests.every((one) => DIGEST.test(String(one)))
      if (!isSound) {
        const why = `The names of items in ${path} of ${this.#incarnation.store.url} are not readable`
        throw new WatchdogError('ERR_CORRUPT', why, { path })
      }
      for (const digest of digests as string[]) known.set(digest, page)
    }
    return known
  }

  #full(path: string): WatchdogError {
    const why = `The queue at ${this.#incarnation.store.url} knows as many names of items as it can; make a new one`
    return new WatchdogError('ERR_TOO_LARGE', why, { path })
  }

  /** Whether that page is part of the queue, or was. Afterwards it never changes. */
  async #isAdded(page: string): Promise<boolean> {
    const known = this.#verdicts.get(page)
    if (known !== undefined) return known
    const verdict = await this.#judge(page)
    if (this.#verdicts.size > MAX_NAMES) this.#verdicts.clear()
    this.#verdicts.set(page, verdict)
    return verdict
  }

  async #judge(page: string): Promise<boolean> {
    const { store } = this.#incarnation
    const path = this.#incarnation.at('pages', page)
    for (let isPatient = true; ; isPatient = false) {
      const node = await store.get(path)
      if (node?.data.equals(NEVER)) return false
      if (node?.data.equals(KEPT_PAGE)) return true
      if (node !== undefined) {
        await this.#joinQueue(page)
        return true
      }
      if (isPatient) await delay(GRACE_MS)
      else {
        const made = await store.create(path, NEVER)
        if (made === 'orphan') throw this.#incarnation.closed()
        if (made === 'created') return false
      }
    }
  }

  /** Does what an adder who was killed had left to do. Of a page that is done, the marker means nothing. */
  async #joinQueue(page: string): Promise<void> {
    const { store } = this.#incarnation
    const node = await store.get(this.#incarnation.at('states', page))
    const state = node && decodeState(node.data)
    if (state === undefined || isComplete(state)) return
    const made = await store.create(this.#incarnation.at('open', page), EMPTY)
    if (made === 'created') await this.#incarnation.notify()
  }
}

function encode(known: ReadonlyMap<string, string>): Buffer {
  const pages: Record<string, string[]> = {}
  for (const [digest, page] of known) {
    pages[page] ??= []
    pages[page].push(digest)
  }
  return Buffer.from(JSON.stringify(pages))
}
