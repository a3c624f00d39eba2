// The writer of one page's state in this process: steps that are submitted while a write is on
// its way wait together and go out as one compare-and-set.

import { maybeApplied, WatchdogError } from '../../util/errors'
import type { Incarnation } from '../incarnation/incarnation'
import { decodeState, encodeState } from '../page-state/codec'
import { pageSize } from '../page-state/item-page'
import { newState, type Outcome, type PageState } from '../page-state/page-state'

export interface Step<R> {
  /**
   * Pure; may be called again on a newer state. `unsure`: the answer to an earlier try was lost, so that
   * this state may have the step in it already.
   */
  apply(state: PageState, unsure: boolean): Outcome<R>
  /** What must be on record before the new state is. */
  prepare?(result: R): Promise<void> | undefined
  /** Whether it may go out at the end of this turn of the event loop, for others to come along. */
  readonly isPatient?: boolean
  /** Whether it resolves only when it would survive a power cut. */
  readonly durable?: boolean
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

export class PageStateWriter {
  readonly #run: Incarnation
  readonly #path: string
  #known: Known | undefined
  #waiting: Submitted[] = []
  #busy = false
  /** Ends the wait for more steps. */
  #go: (() => void) | undefined

  constructor(
    run: Incarnation,
    readonly name: string,
  ) {
    this.#run = run
    this.#path = run.at('states', name)
  }

  /** The newest state that this process has seen. */
  get cached(): PageState | undefined {
    return this.#known?.state
  }

  submit<R>(step: Step<R>): Promise<R> {
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ step, resolve, reject } as Submitted)
      if (!this.#busy) this.#drain()
      else if (!step.isPatient) this.hurry()
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
      if (this.#waiting.every(({ step }) => step.isPatient)) await this.#turn()
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
      // What failed last may be a mere look at what came of it.
      throw doubt.unsure ? maybeApplied(error) : error
    }
  }

  async #write(batch: readonly Submitted[], doubt: { unsure: boolean }): Promise<void> {
    let fresh = this.#known === undefined
    for (;;) {
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
        if (fresh) return this.#resolve(batch, results)
        this.#known = undefined
        fresh = true
        continue
      }
      const durable = batch.some(({ step }) => step.durable)
      const options = { durable, quiet: true }
      const outcome = await this.#run.store.set(this.#path, encodeState(state), known.version, options)
      if (outcome.kind === 'set') {
        this.#known = { state, version: outcome.info.version }
        return this.#resolve(batch, results)
      }
      doubt.unsure ||= outcome.maybeApplied
      if (outcome.kind === 'missing') await this.#run.assertThere()
      this.#known = undefined
      fresh = true
    }
  }

  #resolve(batch: readonly Submitted[], results: readonly unknown[]): void {
    batch.forEach(({ resolve }, i) => {
      resolve(results[i])
    })
  }

  /** Reads the state; makes the initial one for a page that was added without (its marker is the commit). */
  async read(): Promise<Known> {
    const { store } = this.#run
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
      const page = await store.get(this.#run.at('pages', this.name))
      if (page === undefined) {
        await this.#run.assertThere()
        throw this.#corrupt('page')
      }
      const size = pageSize(page.data)
      if (size === undefined) throw this.#corrupt('page')
      if ((await store.create(this.#path, encodeState(newState(size)))) === 'orphan') throw this.#run.closed()
    }
  }

  #corrupt(what: string): WatchdogError {
    const path = this.#path
    return new WatchdogError(
      'ERR_CORRUPT',
      `The ${what} of page ${this.name} of ${this.#run.store.url} is not readable`,
      { path },
    )
  }
}
