// The page as HTML, whole: without JavaScript it is complete, sorts and filters by its address and reloads
// itself; with it, assets/status-page.js brings it to life. Pure functions.

import { hostname } from 'node:os'
import { basename } from 'node:path'
import { livingOf } from '../view/activity'
import { bytesText, countText, rateText } from '../view/numbers'
import { ageText, cut, escapeControls } from '../view/text'
import { type Assets, pageAssets } from './assets'
import { clockText } from './clock'
import { COLUMNS, type Column, cellText } from './columns'
import { type Picture, uptimeMs } from './feed'
import { grid, MOST_CELLS, SMALL_FROM } from './grid'
import { areaUnder, type SampleName, SPARK_HEIGHT, SPARK_WIDTH, WINDOW_TEXT } from './history'
import { type Html, html } from './html'
import { queuesSection } from './queue-section'
import { type Choice, choose, DEFAULT_SORT, STATES } from './row-order'
import type { WorkerView } from './row-values'
import { deathsSection, troubleSection } from './trouble'

export interface PageOptions {
  title?: string
  /** Whether there is a button for where a worker hangs. */
  canAskWhy?: boolean
}

/** So many rows at first, and again each time that somebody wants more: what nobody reads costs nothing. */
const ROWS_AT_ONCE = 100
/** More rows than this help nobody; the filter finds the others. */
const MOST_ROWS = 2000
export const RELOAD_SECONDS = 5

const LEGEND: readonly (readonly [mark: string, kind: string, meaning: string])[] = [
  ['_', 'idle', 'waiting'],
  ['K', 'idle', 'keep-alive'],
  ['S', 'idle', 'starting'],
  ['R', 'busy', 'reading'],
  ['W', 'busy', 'working'],
  ['B', 'blocked', 'blocked'],
  ['!', 'stale', 'stale'],
  ['x', 'dead', 'dead'],
  ['.', 'open', 'open slot'],
]

const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Cg fill=%22%232f6f5e%22%3E%3Crect x=%221%22 y=%221%22 width=%226%22 height=%226%22 rx=%221%22/%3E%3Crect x=%229%22 y=%229%22 width=%226%22 height=%226%22 rx=%221%22/%3E%3Crect x=%221%22 y=%229%22 width=%226%22 height=%226%22 rx=%221%22 opacity=%22.45%22/%3E%3Crect x=%229%22 y=%221%22 width=%226%22 height=%226%22 rx=%221%22 opacity=%22.45%22/%3E%3C/g%3E%3C/svg%3E'

/** What changes on the page besides the workers: texts, sparklines and pieces of HTML, by their names. */
export interface Tick {
  texts: Record<string, string>
  paths: Record<string, string>
  /** What the top of each sparkline stands for. */
  peaks: Record<string, number>
  /** Of our own making, whatever comes from others escaped. */
  pieces: Record<'trouble' | 'queues' | 'deaths', string>
  /** Columns that all rows share, or that none fills. */
  hides: string[]
  /** By key: percent of a core, bytes. */
  vitals: [key: string, cpu: number, memory: number][]
}

interface Tile {
  name: SampleName
  title: string
  /** How a value reads, for the script too. */
  format: 'count' | 'rate' | 'bytes'
  isRequest?: boolean
}

const FORMATS: Record<Tile['format'], (value: number) => string> = {
  count: countText,
  rate: rateText,
  bytes: (value) => `${bytesText(value)}/s`,
}

const SPARKLINES: readonly Tile[] = [
  { name: 'busy', title: 'Busy workers', format: 'count' },
  { name: 'updates', title: 'Updates', format: 'rate' },
  { name: 'requests', title: 'Requests', format: 'rate', isRequest: true },
  { name: 'bytes', title: 'Sent', format: 'bytes', isRequest: true },
]

/** What an open page is told once a second. */
export function renderTick(picture: Picture): Tick {
  const { counts, sums, history, oldestStart } = picture
  const texts: Record<string, string> = {
    clock: clockText(picture.at),
    host: cut(escapeControls(hostname()), 64),
    started: oldestStart === undefined ? '-' : clockText(oldestStart),
    ended: endedText(picture),
    cpu: percentText(picture),
    memory: sumText(picture),
    ...requestTexts(picture),
    uptime: picture.workers.length > 0 ? ageText(uptimeMs(picture)) : '-',
    all: countText(livingOf(counts)),
    busy: countText(counts.busy),
    idle: countText(counts.idle),
    blocked: countText(counts.blocked),
    stale: countText(counts.stale),
    dead: countText(counts.dead),
    open: countText(Math.max(0, picture.slots - livingOf(counts) - counts.dead)),
    'sum-updates': `${countText(sums.updates)} in all`,
    'sum-requests': `${countText(sums.requests)} in all`,
    'sum-bytes': `${bytesText(sums.bytes)} in all`,
    'sum-busy': '',
  }
  const paths: Record<string, string> = {}
  const peaks: Record<string, number> = {}
  for (const { name, format } of shownSparklines(picture)) {
    texts[`now-${name}`] = name === 'busy' ? countText(counts.busy) : FORMATS[format](history.now(name))
    texts[`peak-${name}`] = FORMATS[format](history.peak(name))
    peaks[name] = history.peak(name)
    paths[name] = history.line(name)
  }
  for (const [name, value] of Object.entries(picture.totals)) texts[`total-${name}`] = countText(value)
  const pieces = {
    trouble: troubleSection(picture).text,
    queues: queuesSection(picture.queues.views).text,
    deaths: deathsSection(picture).text,
  }
  return { texts, paths, peaks, pieces, hides: hiddenColumns(picture), vitals: vitalsOf(picture) }
}

/** `12, 3 of them died`, since the board was made. */
function endedText({ ended: { ended, died, isExact } }: Picture): string {
  return `${countText(ended)}, ${isExact ? '' : 'at least '}${countText(died)} of them died`
}

function vitalsOf({ workers }: Picture): Tick['vitals'] {
  return workers.flatMap(({ key, cpu, memory }): Tick['vitals'] =>
    cpu === undefined || memory === undefined ? [] : [[key, cpu, memory]],
  )
}

/** A host that all requests name says nothing, and takes the room of what they do. */
function hiddenColumns({ workers, servesRequests }: Picture): string[] {
  if (!servesRequests) return ['oldestMs', 'requests', 'bytes', 'client', 'host']
  const hosts = new Set(workers.map(({ host }) => host ?? '').filter((host) => host !== ''))
  const clients = new Set(workers.map(({ client }) => client ?? '').filter((client) => client !== ''))
  return [...(hosts.size < 2 ? ['host'] : []), ...(clients.size === 0 ? ['client'] : [])]
}

/** Of all requests that ever were: how long nearly all of them took at most, and how many went wrong. */
function requestTexts({ requests: totals }: Picture): Record<string, string> {
  if (totals === undefined || totals.timed.requests === 0) return {}
  const { requests, buckets, counts } = totals.timed
  const bound = buckets.find(({ count }) => count >= 0.95 * requests)!.bound
  const failed = counts.reduce((sum, { outcome, count }) => sum + (outcome === '5xx' ? count : 0), 0)
  return {
    latency: Number.isFinite(bound)
      ? `95 % within ${bound < 1 ? `${bound * 1000} ms` : `${bound} s`}`
      : 'over 10 s for more than 5 %',
    failed: `${((failed / requests) * 100).toFixed(2)} %`,
  }
}

/** Of one core. */
function percentText({ workers }: Picture): string {
  // Several workers on the main thread of one process are told its whole time each.
  const once = new Map(workers.map(({ pid, cpu }) => [`${pid} ${cpu}`, cpu]))
  const known = [...once.values()].filter((percent) => percent !== undefined)
  return known.length === 0 ? '-' : `${known.reduce((sum, percent) => sum + percent, 0).toFixed(0)} %`
}

/** Threads share the memory of their process, which counts once. */
function sumText({ workers }: Picture): string {
  const byPid = new Map(workers.map(({ pid, memory }) => [pid, memory]))
  const known = [...byPid.values()].filter((bytes) => bytes !== undefined)
  return known.length === 0 ? '-' : bytesText(known.reduce((sum, bytes) => sum + bytes, 0))
}

function shownSparklines({ servesRequests }: Picture): readonly Tile[] {
  return SPARKLINES.filter(({ isRequest }) => servesRequests || !isRequest)
}

/** Down to the body; of every page. */
export function pageHead(title: string, style: Assets['style']): Html {
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex, nofollow">
<title>${title} - rollcall</title>
<link rel="icon" href="${ICON}">
<noscript><meta http-equiv="refresh" content="${RELOAD_SECONDS}"></noscript>
<style>${style.content}</style>
</head>`
}

/** @param details of the worker that the address asks for */
export function renderPage(picture: Picture, choice: Choice, options: PageOptions, details?: Html): string {
  const { style, script } = pageAssets()
  const { baseDir } = picture.board
  const title = cut(escapeControls(options.title ?? (basename(baseDir) || baseDir)), 80)
  const tick = renderTick(picture)
  const chosen = choose(picture.workers, choice)
  const page = html`${pageHead(title, style)}
<body data-rows="${ROWS_AT_ONCE}" data-most-rows="${MOST_ROWS}" data-most-cells="${MOST_CELLS}" data-small-from="${SMALL_FROM}" data-default-sort="${DEFAULT_SORT}"${options.canAskWhy && html` data-why`}>
<a class="skip" href="#workers">Skip to the workers</a>
<header>
<div class="name"><h1>${title}</h1><p class="path">${cut(escapeControls(baseDir), 200)}</p></div>
<p class="live" id="live" role="status"><noscript>reloads every ${RELOAD_SECONDS} s</noscript></p>
<nav aria-label="Other forms"><button type="button" id="pause" aria-pressed="false" hidden>Pause</button>
<a href="?json">JSON</a> <a href="?auto">auto</a> <a href="?metrics">metrics</a></nav>
</header>
<p class="banner" id="banner" role="alert" hidden></p>
<main>
<div id="trouble">${troubleSection(picture)}</div>
${details && html`<section aria-labelledby="one-title"><h2 id="one-title">One worker</h2>${details}<p class="note"><a href="?">All workers</a></p></section>`}
${summarySection(picture, tick, choice)}
${gridSection(picture)}
<div id="queues">${queuesSection(picture.queues.views)}</div>
${workersSection(picture, chosen, choice, tick)}
<div id="deaths">${deathsSection(picture)}</div>
</main>
<script>${script.content}</script>
</body>
</html>
`
  return page.text
}

const TILES: readonly (readonly [state: Choice['state'], title: string])[] = [
  ['all', 'Living'],
  ['busy', 'Busy'],
  ['idle', 'Idle'],
  ['blocked', 'Blocked'],
  ['stale', 'Stale'],
  ['dead', 'Dead'],
]

function summarySection(picture: Picture, { texts, paths }: Tick, choice: Choice): Html {
  const tile = ([state, title]: (typeof TILES)[number]) =>
    html`<li><a class="count ${state}${texts[state] === '0' && ' zero'}" href="?state=${state}#workers" data-state="${state}"${state === choice.state && html` aria-current="true"`}><span>${title}</span> <b data-text="${state}">${texts[state]}</b></a></li>`
  const fact = (name: string, title: string) =>
    html`<div><dt>${title}</dt><dd data-text="${name}">${texts[name]}</dd></div>`
  const isShownAbove = (name: string) => picture.servesRequests && (name === 'requests' || name === 'bytes')
  const names = Object.keys(picture.totals).filter((name) => !isShownAbove(name))
  const totals = names.map(
    (name) =>
      html`<div><dt>${cut(escapeControls(name), 40)}</dt><dd data-text="total-${name}">${texts[`total-${name}`]}</dd></div>`,
  )
  return html`<section class="summary" aria-label="Summary">
<ul class="counts" aria-label="Workers by state; each shows those alone">${TILES.map(tile)}</ul>
<dl class="totals facts" aria-label="The machine">
${fact('host', 'Host')}${fact('clock', 'Clock')}${fact('started', 'Since')}${fact('uptime', 'Up')}${fact('ended', 'Workers ended')}${fact('cpu', 'CPU')}${fact('memory', 'Memory')}${texts.latency !== undefined && html`${fact('latency', 'Latency')}${fact('failed', '5xx')}`}
</dl>
<div class="sparks">${SPARKLINES.map((tile) => sparkTile(tile, picture, texts, paths[tile.name]))}</div>
${names.length > 0 && html`<dl class="totals" aria-label="Totals of the board's counters">${totals}</dl>`}
</section>`
}

function sparkTile(tile: Tile, picture: Picture, texts: Tick['texts'], path: string | undefined): Html {
  const { name, title, format } = tile
  const isShown = picture.servesRequests || !tile.isRequest
  return html`<figure class="spark spark-${name}" data-needs="${tile.isRequest && 'requests'}" data-spark="${name}" data-format="${format}"${!isShown && html` hidden`}>
<figcaption>${title} <small data-text="sum-${name}">${texts[`sum-${name}`]}</small></figcaption>
<strong data-text="now-${name}">${texts[`now-${name}`] ?? '0'}</strong> <span class="under"></span>
<div class="plot"><svg viewBox="0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path class="area" d="${path && areaUnder(path)}"/><path class="line" data-path="${name}" data-height="${SPARK_HEIGHT}" d="${path}"/></svg></div>
<p class="scale"><span>${WINDOW_TEXT}</span> <span>top <span data-text="peak-${name}">${texts[`peak-${name}`]}</span></span></p>
</figure>`
}

function gridSection(picture: Picture): Html {
  const open = Math.max(0, picture.slots - livingOf(picture.counts) - picture.counts.dead)
  const legend = LEGEND.map(
    ([mark, kind, meaning]) => html`<li><i class="${kind}">${mark}</i> ${meaning}</li>`,
  )
  return html`<section aria-labelledby="grid-title">
<div class="bar"><h2 id="grid-title">Scoreboard</h2><ul class="legend" aria-label="Legend">${legend}</ul></div>
<div class="grid" id="grid" role="img" aria-label="One cell for each slot, as in the legend; the table below says the same">${grid(picture.workers)}</div>
<p class="note"><span data-text="open">${countText(open)}</span> of ${countText(picture.slots)} slots are open. <output id="cell"></output></p>
</section>`
}

function workersSection(picture: Picture, chosen: WorkerView[], choice: Choice, tick: Tick): Html {
  const rows = chosen.slice(0, ROWS_AT_ONCE).map(workerRow)
  const states = STATES.map(
    (state) => html`<option value="${state}"${state === choice.state && html` selected`}>${state}</option>`,
  )
  return html`<section id="workers" tabindex="-1" aria-labelledby="workers-title" class="${tick.hides.map((key) => `no-${key}`).join(' ')}">
<form id="view" class="bar" method="get" role="search">
<h2 id="workers-title">Workers</h2>
<input type="hidden" name="sort" value="${choice.isReversed && '-'}${choice.sort}">
<label>Filter <input type="search" name="filter" value="${choice.filter}" maxlength="200" autocomplete="off" spellcheck="false" placeholder="name, path, state; !without" title="Words that all have to be there; !word leaves out. The key / leads here."></label>
<label>Show <select name="state">${states}</select></label>
<button id="apply">Apply</button>
<output id="shown">${shownText(chosen.length, picture.workers.length)}</output>
</form>
<div class="scroll"><table>
<caption class="hidden">The workers of this board. The headings sort, a name opens everything about its worker.</caption>
<thead><tr>${COLUMNS.map((column) => heading(column, choice))}</tr></thead>
<tbody id="rows">
${rows}</tbody>
</table></div>
<p class="note" id="none"${rows.length > 0 && html` hidden`}>No worker to show.</p>
<p class="note" id="rest"${rows.length === chosen.length && html` hidden`}><button type="button" id="more">Show more</button> <span id="left">${countText(chosen.length - rows.length)} more; the filter finds them</span></p>
</section>`
}

/** `3 of 12`, as the script says it too. */
function shownText(shown: number, all: number): string {
  return `${countText(shown)} of ${countText(all)}`
}

function heading(column: Column, choice: Choice): Html {
  const { key, title, format, isNumber = false, isSearched } = column
  const isSorted = key === choice.sort
  const isDown = isNumber !== choice.isReversed
  const sorted = isSorted && html` aria-sort="${isDown ? 'descending' : 'ascending'}"`
  const next = isSorted && !choice.isReversed ? `-${key}` : key
  return html`<th scope="col" class="c-${key}" data-key="${key}" data-format="${format}"${isNumber && html` data-number`}${isSearched && html` data-searched`}${sorted}><button form="view" name="sort" value="${next}">${title}</button></th>`
}

function workerRow(view: WorkerView): Html {
  const cells = COLUMNS.map((column) => {
    const text = cellText(column, view)
    const { key } = column
    const isError = key === 'doing' && view.isError
    const inner =
      key === 'state'
        ? html`<b>${text}</b>`
        : key === 'id'
          ? html`<a href="?worker=${view.key}" aria-expanded="false">${text}</a>`
          : text
    return html`<td class="c-${key}${isError && ' error'}">${inner}</td>`
  })
  return html`<tr class="${view.kind}${view.isLast && ' last'}" data-key="${view.key}">
${cells}</tr>
`
}
