// Everything about one worker, as a piece of the page: where its row opens, or above the table for those without
// JavaScript.

import type { WorkerEntry } from '../scoreboard/types'
import { jsonStatus } from '../terminal/render'
import { bytesText, countText } from '../view/numbers'
import { ownerKey } from '../view/rates'
import { ageText, cut, escapeControls, indentedJson, statusText } from '../view/text'
import type { StateLimits } from '../view/worker-state'
import { clockText } from './clock'
import { type Html, html } from './html'
import { viewWorker } from './row-values'

const MOST_STATUS = 16 * 1024

/** The worker of that key, living or dead. */
export function findWorker<W extends WorkerEntry>(workers: readonly W[], key: string): W | undefined {
  return workers.find((worker) => ownerKey(worker) === key)
}

/**
 * @param options.baseDir of its board, where it is on this machine
 * @param options.more facts that come first, such as where it is
 */
export function workerDetails(
  worker: WorkerEntry,
  options: { takenAt: number; baseDir?: string; more?: [string, string | undefined][] },
  limits: StateLimits,
): Html {
  const { takenAt, baseDir, more = [] } = options
  const { view } = viewWorker(worker, takenAt, limits)
  const since = (at: number | undefined) =>
    at === undefined ? undefined : `${clockText(at)}, ${ageText(takenAt - at)} ago`
  const facts: [string, string | number | undefined][] = [
    ['Worker', view.id],
    ...more,
    ['State', view.word],
    ['Event loop stands still for', view.blockedMs === undefined ? undefined : ageText(view.blockedMs)],
    [
      'Where, in a terminal',
      view.blockedMs === undefined || baseDir === undefined ? undefined : whyCommand(baseDir, worker.id),
    ],
    ['Process', worker.pid],
    ['Thread', worker.threadId === 0 ? undefined : worker.threadId],
    ['Slot', `${worker.slot}, owner number ${worker.epoch}`],
    ['Started', since(worker.startedAt)],
    ['Said last', since(worker.updatedAt) ?? 'nothing yet'],
    ['Updates', countText(worker.updates)],
    [
      'Event loop turned',
      worker.heartbeatAgeMs === undefined ? undefined : `${ageText(worker.heartbeatAgeMs)} ago`,
    ],
    [
      'Processor',
      worker.vitals &&
        `${worker.vitals.cpuPercent.toFixed(1)} % of a core, ${ageText(worker.vitals.cpuMs)} in all`,
    ],
    ['Memory', worker.vitals && bytesText(worker.vitals.rssBytes)],
    ['Died', worker.deadForMs === undefined ? undefined : `${ageText(worker.deadForMs)} ago`],
    ['Ended', worker.ending],
    ['Runs for', view.runsMs === undefined ? undefined : ageText(view.runsMs)],
    ['Oldest request', oldestText(worker, view.oldestMs)],
    ['Client', view.client === '' ? undefined : view.client],
    ['Host', view.host === '' ? undefined : view.host],
    ...Object.entries(worker.counters).map(([name, n]): [string, string] => [
      cut(escapeControls(name), 40),
      countText(n),
    ]),
  ]
  const shown = facts.filter(([, value]) => value !== undefined)
  return html`<div class="details" data-worker="${view.key}"><dl>${shown.map(
    ([name, value]) =>
      html`<div><dt>${name}</dt><dd${COPIED.has(name) && html` class="copy"`}>${value}</dd></div>`,
  )}</dl><h3>Status</h3><pre tabindex="0" aria-label="Status of ${view.id}">${fullStatus(worker)}</pre></div>`
}

/** Marked whole by a click. */
const COPIED = new Set(['Process', 'Where, in a terminal'])

/** For a terminal; whoever has the page's token is told in the row itself. */
export function whyCommand(baseDir: string, id: string): string {
  const quoted = (word: string) => (/^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
  return escapeControls(`rollcall why ${quoted(baseDir)} ${quoted(id)}`)
}

function oldestText({ status }: WorkerEntry, oldestMs: number | undefined): string | undefined {
  const { oldest } = (typeof status === 'object' && status !== null ? status : {}) as {
    oldest?: { method?: unknown; path?: unknown }
  }
  if (typeof oldest !== 'object' || oldest === null || oldestMs === undefined) return undefined
  const words = [oldest.method, oldest.path].filter((word) => typeof word === 'string').join(' ')
  return `${cut(escapeControls(words.slice(0, 2048)), 400)}, for ${ageText(oldestMs)}`
}

/** Line by line, so that JSON keeps its shape and nothing else does. */
function fullStatus({ status, error }: WorkerEntry): string {
  if (error) return `${error.code}: ${escapeControls(error.message)}\n${escapeControls(error.preview ?? '')}`
  if (status === undefined) return '(no update yet)'
  if (status instanceof Uint8Array) return statusText(status, Number.POSITIVE_INFINITY)
  const text = typeof status === 'string' ? status : (indentedJson(jsonStatus(status)) ?? '')
  const lines = text.slice(0, MOST_STATUS).split('\n').map(escapeControls).join('\n')
  return text.length > MOST_STATUS ? `${lines}\n... (${countText(text.length)} characters)` : lines
}
