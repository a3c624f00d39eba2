// Does a history keep the promises of the fleet? Pure: the history goes in, the broken promises come out, one sentence
// each.

import { Account } from './checker'
import type { Recorded } from './history'

/** An agent that is away for longer has to be seen as lost: a session may be given a new time by each new leader. */
export const LOST_AFTER_MS = 20_000

export function checkFleet(history: readonly Recorded[], expected: Record<string, string[]>): string[] {
  const account = new Account(history)
  return [
    ...checkLiving(account),
    ...checkDeaths(account),
    ...checkLosses(account),
    ...checkViews(account, expected),
  ]
}

/** No living worker is said to be gone. */
function checkLiving(account: Account): string[] {
  const killed = new Map(account.all('killing').map(({ worker, t }) => [worker, t]))
  return account.all('told').flatMap(({ what, worker, by, t }) => {
    if (worker === undefined || (what !== 'died' && what !== 'closed')) return []
    const at = killed.get(worker)
    return at !== undefined && at <= t ? [] : [`${by} was told that ${worker} has ${what}, which lives`]
  })
}

/** Whoever has seen a worker is told of its end. */
function checkDeaths(account: Account): string[] {
  const killed = new Set(account.all('killing').map(({ worker }) => worker))
  const survivors = new Set(account.all('view').map(({ by }) => by))
  const gone = new Set(
    account
      .all('told')
      .flatMap(({ what, worker, by }) => (what === 'died' || what === 'closed' ? `${by} ${worker}` : [])),
  )
  return account.all('told').flatMap(({ what, worker, by }) => {
    if (what !== 'new' || worker === undefined || !killed.has(worker) || !survivors.has(by)) return []
    return gone.has(`${by} ${worker}`) ? [] : [`${by} was never told that ${worker} is gone`]
  })
}

/** Who looks all the time is told that a machine is lost, and that it is back. */
function checkLosses(account: Account): string[] {
  const survivors = new Set(account.all('view').map(({ by }) => by))
  const since = new Map(account.all('viewing').map(({ by, t }) => [by, t]))
  const ups = account.all('up')
  return account.all('down').flatMap(({ machine, t: from }) => {
    const back = ups.find((up) => up.machine === machine && up.t > from)
    if (back === undefined || back.t - from < LOST_AFTER_MS) return []
    return [...survivors].flatMap((viewer) => {
      if (since.get(viewer)! > from) return []
      const told = account
        .all('told')
        .filter((one) => one.by === viewer && one.machine === machine && one.t >= from)
      const lost = told.find(({ what, t }) => what === 'lost' && t <= back.t)
      if (lost === undefined) return [`${viewer} was never told that ${machine} is lost`]
      const joined = told.some(({ what, t }) => what === 'joined' && t > lost.t)
      return joined ? [] : [`${viewer} was never told that ${machine} is back`]
    })
  })
}

/** All viewers see at the end what there is. */
function checkViews(account: Account, expected: Record<string, string[]>): string[] {
  const wanted = JSON.stringify(expected)
  return account.all('view').flatMap(({ by, machines }) => {
    const seen = JSON.stringify(machines)
    return seen === wanted ? [] : [`${by} sees ${seen} at the end, where there is ${wanted}`]
  })
}
