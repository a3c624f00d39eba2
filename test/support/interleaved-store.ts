// A store in which other processes go on at one exact step.

import type { Store } from '../../lib/queue/store/store'

const CALLS = ['get', 'recall', 'info', 'list', 'create', 'set', 'delete', 'deleteTree', 'sync'] as const

export interface StoreCall {
  readonly method: (typeof CALLS)[number]
  readonly path: string
}

/**
 * The same store, but `before` runs to its end right before each call: there a test does what another
 * process would do in this very moment. Where it throws, the call is not made.
 */
export function interleaved(store: Store, before: (call: StoreCall) => Promise<void>): Store {
  const wrapped: Store = Object.create(store)
  for (const method of CALLS) {
    const call = store[method].bind(store) as (...args: unknown[]) => Promise<unknown>
    const value = async (...args: unknown[]) => {
      await before({ method, path: String(args[0] ?? '') })
      return call(...args)
    }
    Object.defineProperty(wrapped, method, { value, writable: true })
  }
  for (const method of ['now', 'time', 'watch', 'onEvent', 'close'] as const) {
    const value = (store[method] as () => unknown).bind(store)
    Object.defineProperty(wrapped, method, { value, writable: true })
  }
  for (const name of ['url', 'needsLeader', 'deathDelayMs', 'logs'] as const) {
    Object.defineProperty(wrapped, name, { value: store[name] })
  }
  return wrapped
}
