// Results of items, in a queue that keeps them: on record before the ack is, a node for each write of acks.
//
//   results/<page>/<fence>-<random>   {"worker": id, "results": [[index, attempt, result], ...]}
//
// A worker may die after that and before its ack, or be overtaken; then another has the item and leaves a result of
// its own. An item that is done was acked by the last that had it, whose fence is the highest of all: so of several
// results the one with the highest fence is the one.

import { isCount, isTimerId, isTooDeep, MAX_ATTEMPTS, MAX_DEPTH, parseRecord } from '../../util/bounds'
import { EMPTY } from '../../util/bytes'
import { describeValue } from '../../util/check-options'
import { WatchdogError } from '../../util/errors'
import { randomName } from '../../util/random-name'
import type { Incarnation } from '../incarnation/incarnation'

export const MAX_RESULT_BYTES = 64 * 1024
const MAX_NODE_BYTES = 512 * 1024

/** A result as its worker gives it. */
export interface OwnResult {
  readonly attempt: number
  readonly fence: number
  readonly worker: string
  /** As JSON; undefined where there was none. */
  readonly json: string | undefined
}

export interface StoredResult {
  readonly attempt: number
  readonly worker: string
  readonly result: unknown
}

/**
 * @throws {TypeError} JSON cannot say it
 * @throws {RangeError} it is nested too deep
 * @throws {WatchdogError} `ERR_TOO_LARGE`
 */
export function encodeResult(result: unknown): string | undefined {
  if (result === undefined) return undefined
  let json: string | undefined
  let cause: unknown
  try {
    json = JSON.stringify(result)
  } catch (error) {
    cause = error
  }
  if (json === undefined) {
    const message = `Expected the result to be something JSON can say, got ${describeValue(result)}`
    throw new TypeError(message, { cause })
  }
  const bytes = Buffer.from(json)
  if (bytes.length > MAX_RESULT_BYTES) {
    const why = `The result has ${bytes.length} bytes; at most ${MAX_RESULT_BYTES} are possible. Put it in a file or an object store and return its name`
    throw new WatchdogError('ERR_TOO_LARGE', why)
  }
  // What it is wrapped in has three levels.
  if (isTooDeep(Buffer.from(`[[[${json}]]]`)))
    throw new RangeError(`Expected the result to be nested at most ${MAX_DEPTH - 3} levels deep`)
  return json
}

/** Puts results of one claim on record. REQUIRES: all are of one worker and one fence. */
export async function writeResults(
  incarnation: Incarnation,
  page: string,
  results: ReadonlyMap<number, OwnResult>,
): Promise<void> {
  let texts: string[] = []
  let bytes = 0
  const writes: Promise<void>[] = []
  let last: OwnResult | undefined
  const flush = () => {
    if (last !== undefined) writes.push(writeNode(incarnation, page, last, texts))
    texts = []
    bytes = 0
  }
  for (const [index, result] of results) {
    const { attempt, json } = result
    const text = json === undefined ? `[${index},${attempt}]` : `[${index},${attempt},${json}]`
    if (bytes + text.length > MAX_NODE_BYTES) flush()
    texts.push(text)
    bytes += Buffer.byteLength(text) + 1
    last = result
  }
  flush()
  await Promise.all(writes)
}

async function writeNode(
  incarnation: Incarnation,
  page: string,
  { fence, worker }: OwnResult,
  texts: readonly string[],
): Promise<void> {
  const { store } = incarnation
  const data = Buffer.from(`{"worker":${JSON.stringify(worker)},"results":[${texts.join(',')}]}`)
  const folder = incarnation.at('results', page)
  const path = `${folder}/${fence}-${randomName(6)}`
  while ((await store.create(path, data)) === 'orphan') {
    if ((await store.create(folder, EMPTY)) === 'orphan') throw incarnation.closed()
  }
}

function fenceOf(name: string): number {
  return Number(name.slice(0, name.indexOf('-')))
}

/** The result of each item of a page that has one; of an item that is not done, it says nothing. */
export async function readResults(
  incarnation: Incarnation,
  page: string,
): Promise<Map<number, StoredResult>> {
  const { store } = incarnation
  const folder = incarnation.at('results', page)
  const names = ((await store.list(folder)) ?? []).filter((name) => isCount(fenceOf(name)))
  names.sort((a, b) => fenceOf(a) - fenceOf(b))
  const nodes = await Promise.all(names.map((name) => store.get(`${folder}/${name}`)))
  const found = new Map<number, StoredResult>()
  for (const node of nodes) {
    const { worker, results } = (node && parseRecord(node.data)) ?? {}
    if (!isTimerId(worker) || !Array.isArray(results)) continue
    for (const one of results) {
      if (!Array.isArray(one) || !isCount(one[0]) || !isCount(one[1], MAX_ATTEMPTS)) continue
      found.set(one[0], { attempt: one[1], worker, result: one[2] })
    }
  }
  return found
}
