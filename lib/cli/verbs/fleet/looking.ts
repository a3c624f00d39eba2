// What `ls`, `totals` and `watch` do where they are given a fleet.

import { fleetLines, fleetObjects } from '../../../terminal/change-lines'
import { fleetJson, fleetTable, machineTable } from '../../../terminal/fleet-render'
import { type FleetRow, hasLabels, lookAt, machineStateText, rowsOf } from '../../../view/fleet'
import { ageText, escapeControls } from '../../../view/text'
import type { FleetFlags } from '../../parse/fleet-flags'
import { useFleet } from '../../support/open-fleet'
import { note, outputStyle, print } from '../../support/output'

export interface FleetLsOptions extends FleetFlags {
  dead?: boolean
  machines?: boolean
  blocked?: number
  /** Milliseconds. */
  stale: number
  json?: boolean
}

export async function lsFleet(url: string, options: FleetLsOptions): Promise<void> {
  const limits = { staleMs: options.stale, blockedMs: options.blocked }
  await useFleet(url, options, async (fleet) => {
    const look = lookAt(await fleet.snapshot(), limits, options.label)
    const isShown = ({ kind }: FleetRow) => options.dead || (kind !== 'dead' && kind !== 'lost')
    if (options.json) {
      print(fleetJson(look, (row) => !options.machines && isShown(row), 2))
      return
    }
    if (options.machines) {
      print(machineTable(look.machines, outputStyle()).join('\n'))
      return
    }
    const rows = rowsOf(look).filter(isShown)
    print(fleetTable(look, rows, { ...outputStyle(), ...limits }).join('\n'))
    tellOfMachines(look.machines, url, options)
    if (rows.length === 0) note(`no ${options.dead ? '' : 'living '}worker on ${url}`)
  })
}

/** A machine that nobody hears of is not passed over in silence. */
function tellOfMachines(
  machines: ReturnType<typeof lookAt>['machines'],
  url: string,
  { dead }: FleetLsOptions,
): void {
  for (const { name, machine, lost } of machines) {
    if (machine.error) note(`${name} cannot be read, or not all of it: ${machine.error.message}`)
    if (machine.state === 'left' || (machine.state === 'live' && machine.before === undefined)) continue
    const ago = ageText(Math.max(0, Date.now() - machine.joinedAt))
    const how =
      machine.state === 'live' ? `was lost, and came back ${ago} ago` : `is ${machineStateText(machine)}`
    const hint = dead || lost === 0 ? '' : `; rollcall ls --dead ${url} shows what they were doing`
    note(`${name} ${how}, with ${lost} worker${lost === 1 ? '' : 's'}${hint}`)
  }
}

export async function fleetTotals(url: string, options: FleetFlags & { json?: boolean }): Promise<void> {
  await useFleet(url, options, async (fleet) => {
    const sums = await fleet.totals()
    if (options.json) print(JSON.stringify(sums))
    else for (const [name, sum] of Object.entries(sums)) print(`${sum}\t${escapeControls(name)}`)
  })
}

export async function watchFleet(
  url: string,
  options: FleetFlags & { minInterval?: number; json?: boolean },
): Promise<void> {
  const { label = {}, minInterval, json } = options
  await useFleet(url, options, async (fleet, { signal }) => {
    /** By their ids: machines that have the labels. */
    const shown = new Set<string>()
    for await (const change of fleet.watch({ signal, minIntervalMs: minInterval })) {
      const machines = change.machines.filter(({ machine }) => hasLabels(machine, label))
      for (const { machine } of machines) shown.add(machine.id)
      const isShown = ({ machineId }: { machineId: string }) => shown.has(machineId)
      const chosen = {
        ...change,
        machines,
        workers: change.workers.filter(isShown),
        gone: change.gone.filter(isShown),
      }
      const lines = json
        ? fleetObjects(chosen).map((one) => JSON.stringify(one))
        : fleetLines(chosen, outputStyle())
      for (const line of lines) print(line)
      for (const { type, machine } of machines) if (type === 'forgotten') shown.delete(machine.id)
    }
  })
}
