// The writer of one page's state in this process: steps that are submitted while a write is on
// its way wait together and go out as one compare-and-set. `NODE_DEBUG=rollcall:queue` shows each write.

import { setTimeout as delay } from 'node:timers/promises'
import { debuglog } from 'node:util'

import { isPageName, named } from '../../util/bounds'
import { maybeApplied, WatchdogError } from '../../util/errors'
import type { Incarnation } from '../incarnation/incarnation'
import { decodeState, encodeState } from '../page-state/codec'
import { pageSize } from '../page-state/item-page'
import { pageTraits } from '../page-state/page-name'
import { GONE, newState, type Outcome, type PageState } from '../page-state/page-state'
import { ANY_VERSION, type SetOutcome } from '../store/store'

const log = debuglog('rollcall:queue')

/** How long whoever was too late to write pauses at most before it tries again. */
const MAX_PAUSE_MS = 200
/** What is shorter is no pause: a timer takes longer. */
const MIN_PAUSE_MS = 1

export interface Step<R> {
  /** For the log of `NODE_DEBUG=rollcall:queue`. */
  readonly name: string
  /**
   * Pure; may be called again on a newer state. `unsure`: the answer to an earlier try was lost, so that
   * this state may have the step in it already.
   */
  apply(state: PageState, unsure: boolean): Outcome<R>
  /** What must be on record before the new state is. */
  prepare?(result: R): Promise<void> | undefined
  /** Whether it may go out at the end of this turn of the event loop, for others to come along. */
  readonly mayWait?: boolean
  /** Whether it resolves only when it would survive a power cut. */
  readonly durable?: boolean
  /** Whether it resolves to undefined, and is not tried again, where another process has just written the page. */
  readonly givesWay?: boolean
}

interface Submitted {
  readonly step: Step<unknown>
  readonly resolve: (result: unknown) => void
  readonly reject: (error: unknown) => void
}

interface Known {
  readonly state: PageState
  readonly version: number
}

/** `version 4 -> 5`, or why not. */
function describeTry(version: number, outcome: SetOutcome): string {
  if (outcome.kind === 'set') return `version ${version} -> ${outcome.info.version}`
  const doubt = outcome.maybeApplied ? ', unless an earlier try was applied' : ''
  return `${outcome.kind} at version ${version}${doubt}`
}

/**
 * Many that write the same page would spend most of their writes on being late: each pauses at random, the longer
 * the more often it was late and the longer a write takes, until about one writes at a time.
 */
async function pause(tries: number, writeMs: number): Promise<void> {
  const ms = (0.3 + 0.7 * Math.random()) * Math.min(MAX_PAUSE_MS, writeMs * 2 ** Math.min(tries, 5))
  if (ms >= MIN_PAUSE_MS) await delay(ms)
}

export class PageStateWriter {
  readonly #incarnation: Incarnation
  readonly #path: string
  #known: Known | undefined
  #waiting: Submitted[] = []
  #conflicts = 0
  #busy = false
  /** Ends the wait for more steps. */
  #go: (() => void) | undefined

  constructor(
    incarnation: Incarnation,
    readonly name: string,
  ) {
    this.#incarnation = incarnation
    this.#path = incarnation.at('states', name)
  }

  get isBusy(): boolean {
    return this.#busy
  }

  /** How often another process was faster. */
  get conflicts(): number {
    return this.#conflicts
  }

  /** The newest state that this process has seen. */
  get cached(): PageState | undefined {
    return this.#known?.state
  }

  submit<R>(step: Step<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject } as Submitted)
      if (!this.#busy) this.#drain()
      else if (!step.mayWait) this.hurry()
    })
  }

  /** What waits goes out now. */
  hurry(): void {
    this.#go?.()
  }

  async #drain(): Promise<void> {
    this.#busy = true
    while (this.#waiting.length > 0) {
      // Lets what is submitted at the same time come along.
      if (this.#waiting.every(({ step }) => step.mayWait)) await this.#turn()
      else await undefined
      const batch = this.#waiting
      this.#waiting = []
      try {
        await this.#commit(batch)
      } catch (error) {
        this.#known = undefined
        for (const { reject } of batch) reject(error)
      }
    }
    this.#busy = false
  }

  /** Until the event loop has turned, or somebody is in a hurry. */
  async #turn(): Promise<void> {
    const turned = new Promise<void>((resolve) => {
      this.#go = resolve
    })
    const turn = setImmediate(this.#go!)
    await turned
    clearImmediate(turn)
    this.#go = undefined
  }

  async #commit(batch: readonly Submitted[]): Promise<void> {
    const doubt = { unsure: false }
    try {
      await this.#write(batch, doubt)
    } catch (error) {
      if (log.enabled) this.#log(batch, `failed: ${(error as Error).message}`)
      // What failed last may be a mere look at what came of it.
      throw doubt.unsure ? maybeApplied(error) : error
    }
  }

  async #write(submitted: readonly Submitted[], doubt: { unsure: boolean }): Promise<void> {
    let batch = submitted
    let fresh = this.#known === undefined
    for (let tries = 1; ; tries++) {
      const again = tries > 1 ? `, try ${tries}` : ''
      const known = this.#known ?? (await this.read())
      let { state } = known
      const results: unknown[] = []
      const preparations: Promise<void>[] = []
      for (const { step } of batch) {
        const outcome = step.apply(state, doubt.unsure)
        state = outcome.state
        results.push(outcome.result)
        const preparation = step.prepare?.(outcome.result)
        if (preparation !== undefined) preparations.push(preparation)
      }
      if (preparations.length > 0) await Promise.all(preparations)
      if (state === known.state) {
        // Nothing to write. An answer from the cache may be old, one just read may not.
        if (fresh) {
          if (log.enabled) this.#log(batch, `nothing to write${again}`)
          return this.#resolve(batch, results)
        }
        this.#known = undefined
        fresh = true
        continue
      }
      const durable = batch.some(({ step }) => step.durable)
      const options = { durable, quiet: true }
      const begun = performance.now()
      const outcome = await this.#incarnation.store.set(
        this.#path,
        encodeState(state),
        known.version,
        options,
      )
      if (log.enabled) this.#log(batch, describeTry(known.version, outcome) + again)
      if (outcome.kind === 'set') {
        this.#known = { state, version: outcome.info.version }
        return this.#resolve(batch, results)
      }
      doubt.unsure ||= outcome.maybeApplied
      this.#known = undefined
      fresh = true
      if (outcome.kind === 'missing') {
        await this.#incarnation.assertThere()
        continue
      }
      this.#conflicts++
      // What may have been applied is tried until that is known.
      if (!doubt.unsure) batch = this.#giveWay(batch)
      if (batch.length === 0) return
      await pause(tries, performance.now() - begun)
    }
  }

  /** Those that are tried again. */
  #giveWay(batch: readonly Submitted[]): readonly Submitted[] {
    for (const { step, resolve } of batch) if (step.givesWay) resolve(undefined)
    return batch.filter(({ step }) => !step.givesWay)
  }

  #log(batch: readonly Submitted[], what: string): void {
    const steps = batch.map(({ step }) => step.name).join(' + ')
    log('page %s of %s: %s: %s', this.name, this.#incarnation.store.url, steps, what)
  }

  #resolve(batch: readonly Submitted[], results: readonly unknown[]): void {
    batch.forEach(({ resolve }, i) => {
      resolve(results[i])
    })
  }

  /** Reads the state; makes the initial one for a page that was added without (its marker is the commit). */
  async read(): Promise<Known> {
    const { store } = this.#incarnation
    if (!isPageName(this.name)) {
      const why = `${named(this.name)} is among the pages of ${store.url}, and is no name of one`
      throw new WatchdogError('ERR_CORRUPT', why)
    }
    for (;;) {
      const node = await store.get(this.#path)
      if (node !== undefined) {
        const state = decodeState(node.data)
        if (state === undefined) throw this.#corrupt('state')
        const newest = this.#known
        if (newest === undefined || newest.version <= node.version) {
          this.#known = { state, version: node.version }
        }
        return this.#known!
      }
      if (this.#incarnation.forgetsDone) {
        // There, the state is made before the page is part of the queue, by nobody else, and goes when all is done.
        await this.#incarnation.assertThere()
        this.#known = { state: GONE, version: ANY_VERSION }
        return this.#known
      }
      const page = await store.get(this.#incarnation.at('pages', this.name))
      if (page === undefined) {
        await this.#incarnation.assertThere()
        throw this.#corrupt('page')
      }
      const size = pageSize(page.data)
      if (size === undefined) throw this.#corrupt('page')
      if (
        (await store.create(this.#path, encodeState(newState(size, pageTraits(this.name).until)))) ===
        'orphan'
      )
        throw this.#incarnation.closed()
    }
  }

  #corrupt(what: string): WatchdogError {
    const path = this.#path
    return new WatchdogError(
      'ERR_CORRUPT',
      `The ${what} of page ${this.name} of ${this.#incarnation.store.url} is not readable`,
      { path },
    )
  }
}
