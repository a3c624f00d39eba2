// The worker that somebody means: by its id, by its pid, by `pid.thread`.

import type { WorkerEntry } from '../../scoreboard/types'
import { nearestName } from '../../util/check-options'
import { CliError, EXIT } from './exit-codes'

/** The living one, or else the dead one, of that name. */
export function findWorker(workers: readonly WorkerEntry[], name: string, dir: string): WorkerEntry {
  const living = workers.filter(({ state }) => state === 'live')
  const byId = (one: WorkerEntry) => one.id === name
  const byPid = living.filter(({ pid }) => String(pid) === name)
  const found = living.find(byId) ?? (byPid.length === 1 ? byPid[0] : undefined) ?? workers.find(byId)
  if (found !== undefined) return found
  if (byPid.length > 1) {
    const ids = byPid.map(({ id }) => id).join(', ')
    throw new CliError(EXIT.usage, `Process ${name} is several workers: ${ids}; give the id of one`)
  }
  const nearest = nearestName(
    name,
    living.map(({ id }) => id),
  )
  const hint = nearest === undefined ? `rollcall ls ${dir} lists all` : `did you mean ${nearest}?`
  throw new CliError(EXIT.notFound, `No worker ${name} on ${dir}: ${hint}`)
}
