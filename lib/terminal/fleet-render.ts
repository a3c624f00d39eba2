// A fleet as text: a table of its workers, a table of its machines, JSON. Pure functions, as render.ts.

import { type KindCounts, livingOf } from '../view/activity'
import {
  asSnapshot,
  type FleetLook,
  type FleetRow,
  labelsText,
  type MachineView,
  machineStateText,
  machinesText,
  rowsOf,
  workersText,
} from '../view/fleet'
import { ageText, cut, escapeControls, indentedJson } from '../view/text'
import { colorsIf } from './colors'
import { boardColumns, jsonStatus, stateText, type TableOptions } from './render'
import { type TableColumn, tableLines } from './table'

const MACHINE_COLUMNS = 40

/** A header and one line for each row. */
export function fleetTable(look: FleetLook, rows: readonly FleetRow[], options: TableOptions): string[] {
  const { columns: width = Infinity, colors = false } = options
  const snapshot = asSnapshot(
    rows.map(({ worker }) => worker),
    look,
  )
  const { columns, last } = boardColumns(snapshot, { ...options, state: true })
  const machine: TableColumn<FleetRow> = {
    name: 'MACHINE',
    text: ({ name }) => cut(escapeControls(name), MACHINE_COLUMNS),
  }
  const others = columns.map(
    (column): TableColumn<FleetRow> => ({
      ...column,
      text: ({ worker, kind }) => (column.name === 'STATE' && kind === 'lost' ? kind : column.text(worker)),
    }),
  )
  const lines = tableLines(
    rows,
    [machine, ...others],
    {
      name: last.name,
      text: ({ worker }, room) =>
        last.text(worker, room - (worker.statusCut ? 1 : 0)) + (worker.statusCut ? '…' : ''),
    },
    width,
  )
  const { bold, red, yellow, dim } = colorsIf(colors)
  const paint = { dead: red, blocked: red, stale: yellow, lost: dim, busy: String, idle: String }
  return lines.map((line, at) => (at === 0 ? bold(line) : paint[rows[at - 1]!.kind](line)))
}

/** The state of a worker in one word or two: `blocked 12s`; `lost`, where nobody hears of its machine. */
export function fleetStateText({ worker, kind }: FleetRow, takenAt: number, options: TableOptions): string {
  return kind === 'lost' ? kind : stateText(worker, takenAt, options)
}

const right = 'right' as const

const MACHINE_TABLE: readonly TableColumn<MachineView>[] = [
  { name: 'MACHINE', text: ({ name }) => cut(escapeControls(name), MACHINE_COLUMNS) },
  { name: 'STATE', text: ({ machine }) => machineStateText(machine) },
  { name: 'HOST', dropOrder: 2, text: ({ machine }) => cut(escapeControls(machine.host), MACHINE_COLUMNS) },
  { name: 'LIVE', align: right, text: countOf(livingOf) },
  { name: 'BUSY', align: right, text: countOf(({ busy }) => busy) },
  { name: 'BLOCKED', align: right, text: countOf(({ blocked }) => blocked) },
  { name: 'DEAD', align: right, text: countOf(({ dead }) => dead) },
  { name: 'SLOTS', align: right, dropOrder: 1, text: ({ slots }) => String(slots) },
  { name: 'WROTE', align: right, dropOrder: 3, text: ({ machine }) => ageText(machine.ageMs) },
]

/** Of a machine that nobody hears of, nobody knows. */
function countOf(count: (counts: KindCounts) => number): (view: MachineView) => string {
  return ({ machine, counts }) => (machine.state === 'live' ? String(count(counts)) : '-')
}

/** A header and one line for each machine. */
export function machineTable(machines: readonly MachineView[], options: TableOptions): string[] {
  const { columns = Infinity, colors = false } = options
  const last = {
    name: 'LABELS',
    text: ({ machine: { error, labels } }: MachineView, room: number) =>
      cut(escapeControls(error === undefined ? labelsText(labels) : `! ${error.message}`), room),
  }
  const { bold, red, dim } = colorsIf(colors)
  const paint = { live: String, lost: red, left: dim }
  return tableLines(machines, MACHINE_TABLE, last, columns).map((line, at) =>
    at === 0 ? bold(line) : paint[machines[at - 1]!.machine.state](line),
  )
}

/** `3 machines, 1 lost; 12 living, 3 busy, 9 idle, 40 lost`. */
export function fleetLine(look: FleetLook): string {
  return `${machinesText(look)}; ${workersText(look)}`
}

/** The snapshot as JSON, each worker with its `kind`; see `renderJson` of a board. */
export function fleetJson(
  { snapshot, machines }: FleetLook,
  isShown: (row: FleetRow) => boolean,
  indent?: number,
): string {
  const shown = machines.map((view) => ({
    ...view.machine,
    // They are among the workers, as lost.
    ...(view.machine.before && { before: { lostForMs: view.machine.before.lostForMs } }),
    workers: rowsOf({ machines: [view] })
      .filter(isShown)
      .map(({ worker, kind }) => ({ ...worker, status: jsonStatus(worker.status), kind })),
  }))
  const whole = { ...snapshot, machines: shown }
  return indent === undefined ? JSON.stringify(whole) : indentedJson(whole, indent)
}
