// What a list of timers comes to. Pure.

import type { TimerCounts, TimerInfo } from './types'

export function countTimers(infos: readonly TimerInfo[]): TimerCounts {
  const count = (state: TimerInfo['state']) => infos.filter((info) => info.state === state).length
  return {
    // One that expired may be gone since; only what is there has an age.
    alive: infos.filter(({ ageMs }) => ageMs !== undefined).length,
    expired: count('expired'),
    finished: count('finished'),
    failed: count('failed'),
    died: count('died'),
    neverStarted: count('never-started'),
  }
}

const BY_BLAME: readonly TimerInfo['state'][] = [
  'expired',
  'died',
  'failed',
  'never-started',
  'alive',
  'finished',
]

/** Those that hold others up before those that are held up. */
export function culpritsFirst(infos: readonly TimerInfo[]): TimerInfo[] {
  return [...infos].sort((a, b) => BY_BLAME.indexOf(a.state) - BY_BLAME.indexOf(b.state))
}

/** Workers that came to no good end; a second worker of the same id makes up for the first. */
export function troubled(infos: readonly TimerInfo[]): TimerInfo[] {
  const finished = new Set(infos.filter(({ state }) => state === 'finished').map(({ id }) => id))
  return infos.filter(({ id, state }) => state !== 'alive' && !finished.has(id))
}
