// A look behind a queue that is there: its store, by a handle of its own, and its run.

import { openStore } from '../../lib/queue/connect'
import { attach } from '../../lib/queue/incarnation/attach'
import type { Incarnation } from '../../lib/queue/incarnation/incarnation'
import type { Store } from '../../lib/queue/store/store'

const open = new Set<Store>()

/** The store is closed after the test. */
export async function inspect(url: string): Promise<{ store: Store; incarnation: Incarnation }> {
  const store = await openStore(url, {})
  open.add(store)
  return { store, incarnation: await attach(store, {}) }
}

afterEach('close the inspected stores', async () => {
  const stores = [...open]
  open.clear()
  await Promise.all(stores.map((store) => store.close()))
})
