// The workers of a fleet as the rows of a live list, wherever they are.

import type { FleetSnapshot } from '../../fleet/types'
import { doingText } from '../../view/doing'
import {
  byTrouble,
  type FleetLook,
  type FleetRow,
  type Labels,
  labelsText,
  lookAt,
  machineStateText,
  rowsOf,
  troubleOf,
  workersText,
} from '../../view/fleet'
import { ownerKey } from '../../view/rates'
import { ageText, byNumberedName, cut, escapeControls } from '../../view/text'
import type { StateLimits } from '../../view/worker-state'
import { fleetLine, fleetStateText, fleetTable } from '../fleet-render'
import { entryText } from '../render'
import { workerLines } from './board-source'
import type { ListSource, Order, Tone } from './list-source'

export const FLEET_SORTS = {
  state: 'trouble first: the blocked, stale, dead, lost, busy, idle',
  machine: 'by machine, as they lie on its boards',
  age: 'silent for longest',
  updates: 'most updates',
  id: 'by name, web-9 before web-10',
  pid: 'by process',
  status: 'by what they say',
} as const

const TONES: Record<FleetRow['kind'], Tone> = {
  blocked: 'bad',
  stale: 'warning',
  dead: 'bad',
  lost: 'faint',
  busy: 'plain',
  idle: 'plain',
}

const EMPTY = lookAt({ url: '', machines: [], disconnectedMs: 0, takenAt: 0 })
const SEARCHED_COLUMNS = 200
/** A server that is restarted is not news. */
const AWAY_MS = 3000
const MOST_NAMED = 5

export class FleetSource implements ListSource<FleetRow> {
  readonly noun = 'worker'
  readonly sorts = FLEET_SORTS
  readonly notes = [
    'Red: dead, or blocked: its event loop has not turned for so long. Yellow: without a heart and silent for',
    'longer than --stale says. Faint: its machine is lost, and this is what it was doing when it was last heard of.',
  ]
  readonly #title: string
  readonly #look: () => Promise<FleetSnapshot>
  readonly #limits: StateLimits
  readonly #labels: Labels
  #now: FleetLook = EMPTY
  #rows: FleetRow[] = []

  constructor(source: {
    title: string
    look: () => Promise<FleetSnapshot>
    limits: StateLimits
    labels: Labels
  }) {
    this.#title = source.title
    this.#look = source.look
    this.#limits = source.limits
    this.#labels = source.labels
  }

  get now(): FleetLook {
    return this.#now
  }

  async refresh(): Promise<void> {
    this.#now = lookAt(await this.#look(), this.#limits, this.#labels)
    this.#rows = rowsOf(this.#now)
  }

  rows({ sort, reverse }: Order): FleetRow[] {
    const rows = sortRows(this.#rows, sort as keyof typeof FLEET_SORTS)
    return reverse ? rows.toReversed() : rows
  }

  head(columns: number): string[] {
    const { machines, snapshot } = this.#now
    const away =
      snapshot.disconnectedMs > AWAY_MS ? `  NOT REACHED for ${ageText(snapshot.disconnectedMs)}` : ''
    const lines = [`${escapeControls(this.#title)}  ${fleetLine(this.#now)}${away}`]
    const troubled = machines.filter((view) => troubleOf(view) > 0)
    const worst = troubled.toSorted((a, b) => troubleOf(b) - troubleOf(a) || 0)
    const named = worst.slice(0, MOST_NAMED).map(({ name, machine, counts, lost }) => {
      const how = machine.state === 'live' ? workersText({ counts, lost }) : machineStateText(machine)
      return `${escapeControls(name)} (${how})`
    })
    const more = worst.length - named.length
    if (named.length > 0) lines.push(`look at  ${named.join(', ')}${more > 0 ? ` and ${more} more` : ''}`)
    return lines.map((line) => cut(line, columns))
  }

  keyOf({ worker }: FleetRow): string {
    return ownerKey(worker)
  }

  nameOf({ worker, name }: FleetRow): string {
    return `${worker.id} on ${name}`
  }

  textOf({ name, worker, machine, kind }: FleetRow): string {
    const words = [name, machine.host, labelsText(machine.labels), worker.id, worker.pid, kind]
    return [...words, entryText(worker, SEARCHED_COLUMNS, {})].join(' ')
  }

  isEnded({ kind }: FleetRow): boolean {
    return kind === 'dead' || kind === 'lost'
  }

  toneOf({ kind, worker }: FleetRow): Tone {
    return kind !== 'lost' && worker.error ? 'warning' : TONES[kind]
  }

  table(rows: FleetRow[], columns: number): string[] {
    return fleetTable(this.#now, rows, { columns, ...this.#limits })
  }

  details(row: FleetRow, columns: number): string[] {
    const { name, worker, machine } = row
    const { takenAt } = this.#now.snapshot
    const facts = {
      state: fleetStateText(row, takenAt, this.#limits),
      machine: `${name}, ${machineStateText(machine)}`,
      host: machine.host,
      labels: Object.keys(machine.labels).length === 0 ? undefined : labelsText(machine.labels),
      board: worker.board,
      page: machine.page,
      cut: worker.statusCut ? 'the status below is only its beginning' : undefined,
    }
    return workerLines(worker, takenAt, facts, columns)
  }
}

const MOST_TEXT = 100

function sortRows(rows: FleetRow[], sort: keyof typeof FLEET_SORTS): FleetRow[] {
  switch (sort) {
    case 'machine':
      return rows
    case 'state':
      return byTrouble(rows)
    case 'age':
      return rows.toSorted((a, b) => (b.worker.ageMs ?? Infinity) - (a.worker.ageMs ?? Infinity) || 0)
    case 'updates':
      return rows.toSorted((a, b) => b.worker.updates - a.worker.updates)
    case 'id':
      return rows.toSorted((a, b) => byNumberedName(a.worker.id, b.worker.id))
    case 'pid':
      return rows.toSorted((a, b) => a.worker.pid - b.worker.pid)
    case 'status': {
      const texts = new Map(rows.map((row) => [row, doingText(row.worker.status, MOST_TEXT)]))
      return rows.toSorted((a, b) => byNumberedName(texts.get(a)!, texts.get(b)!))
    }
  }
}
