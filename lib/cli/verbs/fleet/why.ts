// What `why` does where it is given a fleet: a worker of this machine is asked as on its board; of another one it says
// where to ask.

import { hostname } from 'node:os'
import { type FleetRow, lookAt, machineStateText, rowsOf } from '../../../view/fleet'
import { blockedForMs } from '../../../view/worker-state'
import type { FleetFlags } from '../../parse/fleet-flags'
import { CliError, EXIT } from '../../support/exit-codes'
import { openToRead } from '../../support/open-board'
import { useFleet } from '../../support/open-fleet'
import { note } from '../../support/output'
import { type WhyOptions, why } from '../why-worker'

export async function whyFleet(
  url: string,
  name: string | undefined,
  options: WhyOptions & FleetFlags,
): Promise<void> {
  if ((name === undefined) !== (options.allBlocked === true)) {
    throw new CliError(EXIT.usage, 'Expected the id of a worker, or --all-blocked')
  }
  let asked: FleetRow[] = []
  let boards = new Map<FleetRow, string>()
  await useFleet(url, options, async (fleet) => {
    const rows = rowsOf(lookAt(await fleet.snapshot(), { blockedMs: options.blocked }, options.label))
    asked = name === undefined ? rows.filter(isBlocked(options)) : [findRow(rows, name, url)]
    boards = new Map(asked.map((row) => [row, boardIdOf(row)]))
  })
  if (asked.length === 0) note(`nobody in ${url} is blocked`)
  let code: number = EXIT.fine
  for (const row of asked) {
    const { name: where, worker, machine, kind } = row
    const isPast = kind === 'lost' && machine.state !== 'lost'
    const lost = isPast ? 'was lost and has come back' : `is ${machineStateText(machine)}`
    if (kind === 'lost') note(`${worker.id} was on machine ${where}, which ${lost}`)
    if (!isPast && (await isHere(row, boards.get(row)!, options))) {
      await why(worker.board, worker.id, { ...options, allBlocked: false })
      code = Number(process.exitCode ?? 0) || code
      continue
    }
    note(
      kind === 'lost'
        ? `nobody knows whether it lives; rollcall ls --dead ${url} shows what it was doing`
        : `${worker.id} is on machine ${where}, and only there can it be asked: on ${machine.host}, rollcall why ${worker.board} ${worker.id}`,
    )
    code = EXIT.unreachable
  }
  process.exitCode = code
}

function isBlocked({ blocked }: WhyOptions): (row: FleetRow) => boolean {
  return ({ worker, kind }) => kind !== 'lost' && blockedForMs(worker, blocked) !== undefined
}

/** By its id, or `machine/id` where several machines have a worker of that id. */
function findRow(rows: readonly FleetRow[], name: string, url: string): FleetRow {
  const named = rows.filter(
    ({ name: where, worker, machine }) =>
      worker.id === name || [where, machine.name].some((one) => `${one}/${worker.id}` === name),
  )
  const living = named.filter(({ kind }) => kind !== 'dead' && kind !== 'lost')
  const found = living.length > 0 ? living : named
  if (found.length === 1) return found[0]!
  if (found.length === 0) {
    throw new CliError(EXIT.notFound, `No worker ${name} in ${url}: rollcall ls ${url} lists all`)
  }
  const places = found.slice(0, 5).map(({ name: where, worker }) => `${where}/${worker.id}`)
  throw new CliError(
    EXIT.usage,
    `${found.length} workers are called ${name}: give one of ${places.join(', ')}`,
  )
}

function boardIdOf({ worker, machine }: FleetRow): string {
  return machine.boards.find(({ dir }) => dir === worker.board)?.boardId ?? ''
}

/** Whether its board is the one that lies at that path here: other machines have such paths, and even our host's name. */
async function isHere({ worker, machine }: FleetRow, boardId: string, options: WhyOptions): Promise<boolean> {
  if (machine.host !== hostname()) return false
  try {
    using board = await openToRead(worker.board, options)
    return board.snapshot().boardId === boardId
  } catch {
    return false
  }
}
