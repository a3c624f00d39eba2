// Where the queue of a round lives, and what can be done to that place: a directory on a small file
// system of its own that can be filled, or an ensemble of ZooKeeper servers behind proxies that cut.

import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { BreakingProxy } from '../support/proxy'
import { fillUp, mountSmallDisk } from '../support/small-disk'
import { type Ensemble, startZookeeper } from '../support/zookeeper-server'
import type { Promises } from './checker'
import type { FaultKind, History } from './history'
import { random } from './role'

export type StoreName = 'zk' | 'local' | 'fleet'

export interface Place {
  readonly promises: Promises
  /** What this place can suffer; `cut` goes on by itself while `isRough`. */
  readonly faults: FaultKind[]
  /** A place for a queue of its own. `rough`: over connections that break. `after`: for one that comes after it. */
  url(round: number, rough: boolean, after?: boolean): string
  isRough: boolean
  suffer(fault: FaultKind, history: History): Promise<void>
  close(): Promise<void>
}

export const SESSION_MS = 1500

export async function openPlace(store: StoreName, directory: string): Promise<Place> {
  return store === 'local' ? openLocal(directory) : openZookeeper()
}

const DISK_BYTES = 48 * 1024 * 1024

function openLocal(directory: string): Place {
  const disk = path.join(directory, 'disk')
  fs.mkdirSync(disk)
  const isMounted = mountSmallDisk(disk, `size=${DISK_BYTES},mode=700`) // only root may mount
  const filler = path.join(disk, 'filler')
  return {
    promises: { deathIsCertain: true, aliveAfterDeathMs: 2000 },
    faults: isMounted ? ['disk'] : [],
    isRough: false,
    url: (round, _, after) => `local:${path.join(disk, `round-${round}${after ? '-after' : ''}`)}`,
    async suffer(_fault, history) {
      fillUp(disk, 4096)
      const ms = 200 + random(1000)
      history.write({ op: 'fault', kind: 'disk' })
      await delay(ms)
      fs.rmSync(filler, { force: true })
    },
    async close() {
      if (isMounted) spawnSync('umount', ['-l', disk])
    },
  }
}

/** Of a thousand requests, so many lose the connection in place of their reply. */
const CUT_PER_MILLE = 2

async function openZookeeper(): Promise<Place> {
  const ensemble: Ensemble = await startZookeeper(3)
  const proxies = await Promise.all(ensemble.servers.map(({ port }) => BreakingProxy.start(port)))
  const rough = proxies.map(({ port }) => `127.0.0.1:${port}`).join(',')
  const place: Place = {
    // A session that loses its server in its last moment is given a new time-out by the next leader.
    promises: { deathIsCertain: false, aliveAfterDeathMs: 15_000 },
    faults: ['cut', 'server'],
    isRough: false,
    url: (round, isRough, after) =>
      `zk://${isRough ? rough : ensemble.hosts}/chaos/round-${round}${after ? '-after' : ''}`,
    async suffer(fault, history) {
      history.write({ op: 'fault', kind: fault })
      if (fault === 'cut') {
        proxies[random(proxies.length)]!.cutAll()
        return
      }
      const leader = await ensemble.leader()
      await leader.kill()
      await delay(500 + random(2000))
      leader.launch()
      await leader.ready()
    },
    async close() {
      await Promise.all(proxies.map((proxy) => proxy.stop()))
      await ensemble.stop()
    },
  }
  for (const proxy of proxies)
    proxy.judge = () => (place.isRough && random(1000) < CUT_PER_MILLE ? 'cut' : 'pass')
  return place
}
