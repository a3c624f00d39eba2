// What a list of timers comes to. Pure.

import type { TimerCounts, TimerInfo } from './types'

export function countTimers(infos: readonly TimerInfo[]): TimerCounts {
  const count = (state: TimerInfo['state']) => infos.filter((info) => info.state === state).length
  const expired = count('expired')
  return {
    alive: count('alive') + expired,
    expired,
    finished: count('finished'),
    failed: count('failed'),
    died: count('died'),
    neverStarted: count('never-started'),
  }
}

/** Workers that came to no good end; a second worker of the same id makes up for the first. */
export function troubled(infos: readonly TimerInfo[]): TimerInfo[] {
  const finished = new Set(infos.filter(({ state }) => state === 'finished').map(({ id }) => id))
  return infos.filter(({ id, state }) => state !== 'alive' && !finished.has(id))
}
