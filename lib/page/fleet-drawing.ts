// What is on the page of a fleet, as texts and pieces of HTML: the same for the page as it is sent first, and for what
// keeps it up to date. Pure functions.

import type { FleetWorker, MachineEntry } from '../fleet/types'
import { isTrouble, livingOf } from '../view/activity'
import { doingText } from '../view/doing'
import {
  byTrouble,
  FLEET_KINDS,
  type FleetLook,
  type FleetRow,
  labelsText,
  type MachineView,
  machineCount,
  machineStateText,
  rowsOf,
  workersText,
} from '../view/fleet'
import { countText, rateText } from '../view/numbers'
import { ownerKey } from '../view/rates'
import { ageText, cut, escapeControls, timeText } from '../view/text'
import { blockedForMs, type StateLimits } from '../view/worker-state'
import { COLUMNS, cellText } from './columns'
import { findWorker, whyCommand, workerDetails } from './details'
import { type CellPicture, cellPicture } from './fleet-cells'
import { type FleetChoice, hasWords, machineText } from './fleet-order'
import type { History } from './history'
import { type Html, html } from './html'
import type { QueueView } from './queue-feed'
import { queuesSection } from './queue-section'
import { viewWorker, type WorkerView } from './row-values'

/** Everything that a page shows, as it is now. */
export interface FleetScene {
  look: FleetLook
  /** Trouble first, then by name. */
  machines: MachineView[]
  /** By the machine's id. */
  blocks: ReadonlyMap<string, Block>
  /** Of all machines. */
  totals: Readonly<Record<string, number>>
  history: History
  queues: readonly QueueView[]
  limits: StateLimits
}

/** What one page shows, whoever looks at it. */
export interface Drawn {
  texts: Record<string, string>
  paths: Record<string, string>
  /** Of our own making, whatever comes from others escaped. */
  pieces: Record<string, string>
  /** By the machine's id, in their order; none where one machine is open. */
  blocks: ReadonlyMap<string, Block>
}

/** Two elements and a text each. Of more machines than this the filter finds the others. */
const MOST_BLOCKS = 1200
const MOST_TROUBLES = 8
const MOST_TOTALS = 64
const MOST_ROWS = 150
const CELL_PX = 7
const NAME_COLUMNS = 40
const SHOWN = ['state', 'id', 'pid', 'slot', 'ageMs', 'updates', 'doing'] as const
const WORKER_COLUMNS = SHOWN.map((key) => COLUMNS.find((column) => column.key === key)!)

export function drawFleet(scene: FleetScene, choice: FleetChoice): Drawn {
  const { look, history } = scene
  const { counts, states } = look
  const opened = choice.machine === undefined ? undefined : machineSection(scene, choice)
  const found =
    opened === undefined ? scene.machines.filter((view) => hasWords(machineText(view), choice.filter)) : []
  const shown = found
    .slice(0, MOST_BLOCKS)
    .map(({ machine }): [string, Block] => [machine.id, scene.blocks.get(machine.id)!])
  const more = found.length - shown.length
  const texts: Record<string, string> = {
    clock: timeText(look.snapshot.takenAt).slice(11, 19),
    machines: countText(machineCount(states)),
    'lost-machines': countText(states.lost),
    all: countText(livingOf(counts)),
    lost: countText(look.lost),
    shown: `${countText(found.length)} of ${countText(look.machines.length)}`,
    left: more > 0 ? `${countText(more)} more; the filter finds them` : '',
    'now-busy': countText(counts.busy),
    'now-updates': rateText(history.now('updates')),
    'peak-busy': countText(history.peak('busy')),
    'peak-updates': rateText(history.peak('updates')),
  }
  for (const [kind, count] of Object.entries(counts)) texts[kind] = countText(count)
  return {
    texts,
    paths: { busy: history.line('busy'), updates: history.line('updates') },
    pieces: {
      away: awayBanner(look).text,
      trouble: troubleSection(scene).text,
      totals: totalsList(scene).text,
      queues: queuesSection(scene.queues).text,
      ...(opened === undefined ? {} : { opened: opened.text }),
    },
    blocks: new Map(shown),
  }
}

/** A server that is restarted is not news. */
const AWAY_MS = 3000

function awayBanner({ snapshot: { disconnectedMs } }: FleetLook): Html {
  if (disconnectedMs < AWAY_MS) return html``
  return html`<p class="banner" role="alert">The fleet's store has not been reached for ${ageText(disconnectedMs)}. What is below is old.</p>`
}

function totalsList({ totals }: FleetScene): Html {
  const all = Object.entries(totals).slice(0, MOST_TOTALS)
  if (all.length === 0) return html``
  return html`<dl class="totals" aria-label="Totals of the boards' counters">${all.map(
    ([name, sum]) =>
      html`<div><dt>${cut(escapeControls(name), NAME_COLUMNS)}</dt><dd>${countText(sum)}</dd></div>`,
  )}</dl>`
}

// ------------------------------------------------------------------ the grid

const machineLink = ({ id }: MachineEntry) => `?machine=${encodeURIComponent(id)}`

/** A machine in the grid. */
export interface Block {
  html: string
  /** Its picture, and what is said of it under the pointer: what moves while nothing else of it does. */
  url: string
  title: string
  /** The rest of it. */
  frame: string
}

export function block(view: MachineView, cells: string): Block {
  const { machine, counts, lost } = view
  const worst = FLEET_KINDS.find((kind) => kind !== 'lost' && isTrouble(kind) && counts[kind] > 0)
  const said = `${view.name} on ${machine.host}, ${machine.state}: ${workersText({ counts, lost })}`
  const title = cut(escapeControls([said, labelsText(machine.labels)].join('; ')), 400)
  const isLive = machine.state === 'live'
  const trouble = isLive ? worst && `${counts[worst as keyof typeof counts]} ${worst}` : machine.state
  const drawn = cellPicture(cells)
  const name = cut(escapeControls(view.name), NAME_COLUMNS)
  const kind = isLive ? (worst ?? 'well') : machine.state
  const link = html`<a class="machine ${kind}" data-id="${machine.id}" href="${machineLink(machine)}" title="${title}"${trouble !== undefined && html` data-trouble="${trouble}"`}>${picture(drawn)}${name}</a>`
  const frame = JSON.stringify([kind, name, trouble, drawn.rows])
  return { html: link.text, url: drawn.url, title, frame }
}

function picture({ url, columns, rows }: CellPicture): Html {
  return html`<img loading="lazy" src="${url}" alt="" width="${columns * CELL_PX}" height="${rows * CELL_PX}">`
}

// ------------------------------------------------------------------ what to look at first

function troubleSection({ machines, look, limits }: FleetScene): Html {
  const { takenAt } = look.snapshot
  const lost = machines.filter(({ machine }) => machine.state === 'lost')
  const bad = machines.filter(({ machine }) => machine.error !== undefined)
  const wrong = rowsOf({ machines: machines.filter(({ machine }) => machine.state === 'live') }).filter(
    ({ kind }) => kind !== 'lost' && isTrouble(kind),
  )
  const all = lost.length + bad.length + wrong.length
  if (all === 0) return html``
  const first = FLEET_KINDS.flatMap((kind) =>
    wrong.filter((row) => row.kind === kind).slice(0, MOST_TROUBLES),
  )
  const items = [
    ...lost.slice(0, MOST_TROUBLES).map(lostItem),
    ...bad.slice(0, MOST_TROUBLES).map(badItem),
    ...first.slice(0, MOST_TROUBLES).map((row) => workerItem(row, takenAt, limits)),
  ]
  const more = all - items.length
  return html`<section class="trouble" aria-labelledby="trouble-title"><h2 id="trouble-title">Look at ${all === 1 ? 'this one' : `these ${countText(all)}`}</h2><ul>${items}</ul>${more > 0 && html`<p class="note">and ${countText(more)} more, first in the grid</p>`}</section>`
}

function lostItem({ name, machine, lost }: MachineView): Html {
  return troubleItem('lost', machineLink(machine), name, machineStateText(machine).slice(5), [
    `${countText(lost)} worker${lost === 1 ? '' : 's'}, as ${lost === 1 ? 'it was' : 'they were'} when it was last heard of`,
    labelsText(machine.labels),
  ])
}

function badItem({ name, machine }: MachineView): Html {
  return troubleItem('stale', machineLink(machine), name, machine.error!.code, [machine.error!.message])
}

function workerItem({ name, worker, machine, kind }: FleetRow, takenAt: number, limits: StateLimits): Html {
  const { ageMs, blockedMs, ending, id, doing } = viewWorker(worker, takenAt, limits).view
  const how = kind === 'dead' && ending !== undefined ? ending : `for ${ageText(blockedMs ?? ageMs)}`
  const href = `${machineLink(machine)}&worker=${encodeURIComponent(ownerKey(worker))}`
  return troubleItem(kind, href, `${id} on ${name}`, how, [doing])
}

function troubleItem(kind: string, href: string, name: string, how: string, said: string[]): Html {
  const text = cut(escapeControls(said.filter((one) => one !== '').join('; ')), 240)
  return html`<li class="${kind}"><a href="${href}"><b>${kind}</b> <strong>${cut(escapeControls(name), 160)}</strong></a> <span>${how}</span> <code>${text}</code></li>`
}

// ------------------------------------------------------------------ one machine

/** A machine and its workers; of one that is not there, that. */
function machineSection(scene: FleetScene, choice: FleetChoice): Html {
  const { snapshot } = scene.look
  const view = scene.machines.find(({ machine }) => machine.id === choice.machine)
  if (view === undefined) {
    return html`<section><h2>A machine</h2><p class="note">This machine is not on the list any more. <a href="?">All machines</a></p></section>`
  }
  const { machine } = view
  const since = `${timeText(machine.joinedAt)} (${ageText(snapshot.takenAt - machine.joinedAt)} ago)`
  const facts: [string, string | Html | undefined][] = [
    ['Machine', escapeControls(view.name)],
    ['State', machineStateText(machine)],
    ['Host', escapeControls(machine.host)],
    ['Workers', workersText(view)],
    ['Joined', since],
    ['Wrote last', `${ageText(machine.ageMs)} ago`],
    ['Labels', escapeControls(labelsText(machine.labels)) || undefined],
    ['Its own page', pageLink(machine.page)],
    ['Cannot be read', machine.error && escapeControls(machine.error.message)],
    ...machine.boards.map(({ dir, live, slots }): [string, string] => [
      'Board',
      `${escapeControls(dir)}: ${countText(live)} live, ${countText(slots)} slots`,
    ]),
    ...Object.entries(machine.totals).map(([name, sum]): [string, string] => [
      cut(escapeControls(name), NAME_COLUMNS),
      countText(sum),
    ]),
  ]
  const known = facts.filter(([, value]) => value !== undefined)
  return html`${workerSection(machine, choice.worker, scene)}
<section aria-labelledby="machine-title"><h2 id="machine-title">${cut(escapeControls(view.name), 80)}</h2>
<div class="details"><dl>${known.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl></div>
${machine.state === 'lost' && html`<p class="note">Nobody hears of it. These are its last words, ${ageText(machine.ageMs)} old.</p>`}
${workerTable(view, choice, scene)}</section>`
}

/** Another machine has written it: nothing but an address of the web is a link. */
function pageLink(page: string | undefined): Html | undefined {
  if (page === undefined || !/^https?:\/\//i.test(page)) return undefined
  return html`<a href="${page}" rel="noopener noreferrer">${cut(escapeControls(page), 80)}</a>`
}

function workerSection(machine: MachineEntry, key: string | undefined, { look, limits }: FleetScene): Html {
  if (key === undefined) return html``
  const worker = findWorker([...machine.workers, ...(machine.before?.workers ?? [])], key)
  if (worker === undefined) {
    return html`<section><h2>A worker</h2><p class="note">This worker is not on its board any more.</p></section>`
  }
  const { takenAt } = look.snapshot
  const isHanging = machine.state === 'live' && blockedForMs(worker, limits.blockedMs) !== undefined
  const more: [string, string | undefined][] = [
    ['Machine', cut(escapeControls(machine.name), 80)],
    ['Board', cut(escapeControls(worker.board), 200)],
    [
      `Where, in a terminal of ${cut(escapeControls(machine.host), NAME_COLUMNS)}`,
      isHanging ? whyCommand(worker.board, worker.id) : undefined,
    ],
    ['Last heard of', machine.state === 'live' ? undefined : `${ageText(machine.ageMs)} ago`],
    ['Its status', worker.statusCut ? 'only its beginning is known here' : undefined],
  ]
  return html`<section aria-labelledby="one-title"><h2 id="one-title">${cut(escapeControls(worker.id), 80)}</h2>${workerDetails(worker, { takenAt, more }, limits)}</section>`
}

function workerTable(view: MachineView, { filter }: FleetChoice, { look, limits }: FleetScene): Html {
  const rows = rowsOf({ machines: [view] })
  const found = rows.filter(({ worker, kind }) => hasWords(workerText(worker, kind), filter))
  const sorted = byTrouble(found)
  const shown = sorted.slice(0, MOST_ROWS)
  const head = WORKER_COLUMNS.map(({ key, title }) => html`<th scope="col" class="c-${key}">${title}</th>`)
  const body = shown.map((row) => workerRow(row, viewWorker(row.worker, look.snapshot.takenAt, limits).view))
  const more = sorted.length - shown.length
  return html`<div class="scroll"><table><caption class="hidden">The workers of this machine, trouble first</caption><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table></div>
<p class="note">${countText(shown.length)} of ${countText(rows.length)} workers${more > 0 && `; the filter finds ${countText(more)} more`}</p>`
}

function workerText({ id, pid, status, board }: FleetWorker, kind: string): string {
  return `${id} ${pid} ${kind} ${board} ${doingText(status, 240)}`
}

function workerRow({ worker, machine, kind }: FleetRow, view: WorkerView): Html {
  const cells = WORKER_COLUMNS.map((column) => {
    const text = column.key === 'state' && kind === 'lost' ? kind : cellText(column, view)
    const href = `${machineLink(machine)}&worker=${encodeURIComponent(ownerKey(worker))}`
    const inner =
      column.key === 'id'
        ? html`<a href="${href}">${text}</a>`
        : column.key === 'state'
          ? html`<b>${text}</b>`
          : text
    return html`<td class="c-${column.key}${column.key === 'doing' && view.isError && ' error'}">${inner}</td>`
  })
  return html`<tr class="${kind}">${cells}</tr>`
}
