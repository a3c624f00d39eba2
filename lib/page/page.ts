// The page as HTML, whole: without JavaScript it is complete, sorts and filters by its address and reloads
// itself; with it, assets/status-page.js brings it to life. Pure functions.

import { basename } from 'node:path'
import { bytesText, countText, rateText } from '../view/numbers'
import { ageText, cut, escapeControls } from '../view/text'
import { pageAssets } from './assets'
import { COLUMNS, type Column, cellText } from './columns'
import type { Picture } from './feed'
import { areaUnder, type SampleName, SPARK_HEIGHT, SPARK_WIDTH } from './history'
import { type Html, html } from './html'
import { type Choice, choose, STATES } from './order'
import { queuesSection } from './queue-section'
import { kindOf, markOf, type WorkerView, wordOf } from './worker-view'

export interface PageOptions {
  title?: string
  staleMs: number
  /** Whether there is a button for where a worker hangs. */
  canAskWhy?: boolean
}

/** More rows than this help nobody; the filter finds the others. */
const MOST_ROWS = 2000
const MOST_CELLS = 8192
const RELOAD_SECONDS = 5

const LEGEND: readonly (readonly [mark: string, kind: string, meaning: string])[] = [
  ['_', 'idle', 'waiting'],
  ['K', 'idle', 'keep-alive'],
  ['S', 'idle', 'starting'],
  ['R', 'busy', 'reading'],
  ['W', 'busy', 'working'],
  ['#', 'blocked', 'blocked'],
  ['!', 'stale', 'stale'],
  ['x', 'dead', 'dead'],
  ['.', 'open', 'open slot'],
]

const ICON =
  'data:image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22 viewBox=%220 0 16 16%22%3E%3Cg fill=%22%232f6f5e%22%3E%3Crect x=%221%22 y=%221%22 width=%226%22 height=%226%22 rx=%221%22/%3E%3Crect x=%229%22 y=%229%22 width=%226%22 height=%226%22 rx=%221%22/%3E%3Crect x=%221%22 y=%229%22 width=%226%22 height=%226%22 rx=%221%22 opacity=%22.45%22/%3E%3Crect x=%229%22 y=%221%22 width=%226%22 height=%226%22 rx=%221%22 opacity=%22.45%22/%3E%3C/g%3E%3C/svg%3E'

/** What changes on the page besides the workers: texts, sparklines and the queues, by their names. */
export interface Tick {
  texts: Record<string, string>
  paths: Record<string, string>
  queues: string
  /** What each worker costs, by its key: percent of a core, bytes. */
  vitals: Record<string, [cpu: number, memory: number]>
}

interface Tile {
  name: SampleName
  title: string
  text(value: number): string
  isRequest?: boolean
}

const SPARKLINES: readonly Tile[] = [
  { name: 'busy', title: 'Busy workers', text: countText },
  { name: 'updates', title: 'Updates', text: rateText },
  { name: 'requests', title: 'Requests', text: rateText, isRequest: true },
  { name: 'bytes', title: 'Sent', text: (bytes) => `${bytesText(bytes)}/s`, isRequest: true },
]

/** What an open page is told once a second. */
export function renderTick(picture: Picture): Tick {
  const { counts, sums, history } = picture
  const texts: Record<string, string> = {
    uptime: picture.workers.length > 0 ? ageText(picture.uptimeMs) : '-',
    workers: countText(counts.busy + counts.idle + counts.blocked + counts.stale),
    busy: countText(counts.busy),
    idle: countText(counts.idle),
    blocked: countText(counts.blocked),
    stale: countText(counts.stale),
    dead: countText(counts.dead),
    open: countText(Math.max(0, picture.slots - picture.workers.length)),
    'sum-updates': `${countText(sums.updates)} in all`,
    'sum-requests': `${countText(sums.requests)} in all`,
    'sum-bytes': `${bytesText(sums.bytes)} in all`,
    'sum-busy': `peak ${countText(history.peak('busy'))}`,
  }
  const paths: Record<string, string> = {}
  for (const { name, text } of shownSparklines(picture)) {
    texts[`now-${name}`] = name === 'busy' ? countText(counts.busy) : text(history.now(name))
    paths[name] = history.line(name)
  }
  for (const [name, value] of Object.entries(picture.totals)) texts[`total-${name}`] = countText(value)
  const vitals: Tick['vitals'] = {}
  for (const { key, isDead, cpu, memory } of picture.workers) {
    if (!isDead && cpu !== undefined && memory !== undefined) vitals[key] = [cpu, memory]
  }
  return { texts, paths, queues: queuesSection(picture.queues.views).text, vitals }
}

function shownSparklines({ servesRequests }: Picture): readonly Tile[] {
  return SPARKLINES.filter(({ isRequest }) => servesRequests || !isRequest)
}

export function renderPage(picture: Picture, choice: Choice, options: PageOptions): string {
  const { style, script } = pageAssets()
  const { baseDir } = picture.board
  const title = cut(escapeControls(options.title ?? (basename(baseDir) || baseDir)), 80)
  const tick = renderTick(picture)
  const chosen = choose(picture.workers, choice, options.staleMs)
  const page = html`<!doctype html>
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
</head>
<body data-stale-ms="${options.staleMs}" data-most-rows="${MOST_ROWS}" data-most-cells="${MOST_CELLS}"${options.canAskWhy && html` data-why`}>
<a class="skip" href="#workers">Skip to the workers</a>
<header>
<div class="name"><h1>${title}</h1><p class="path">${cut(escapeControls(baseDir), 200)}</p></div>
<p class="live" id="live" role="status"><noscript>reloads every ${RELOAD_SECONDS} s</noscript></p>
<nav aria-label="Other forms"><button type="button" id="pause" aria-pressed="false" hidden>Pause</button>
<a href="?json">JSON</a> <a href="?auto">auto</a> <a href="?metrics">metrics</a></nav>
</header>
<main>
${summarySection(picture, tick)}
${gridSection(picture, options.staleMs)}
<div id="queues">${queuesSection(picture.queues.views)}</div>
${workersSection(picture, chosen, choice, options.staleMs)}
</main>
<dialog id="why" aria-labelledby="why-title"><h2 id="why-title"></h2><pre></pre><form method="dialog"><button>Close</button></form></dialog>
<script>${script.content}</script>
</body>
</html>
`
  return page.text
}

function summarySection(picture: Picture, { texts, paths }: Tick): Html {
  const count = (name: string, title: string) =>
    html`<div class="count ${name}${texts[name] === '0' && ' zero'}"><dt>${title}</dt><dd data-text="${name}">${texts[name]}</dd></div>`
  const isShownAbove = (name: string) => picture.servesRequests && (name === 'requests' || name === 'bytes')
  const names = Object.keys(picture.totals).filter((name) => !isShownAbove(name))
  const totals = names.map(
    (name) =>
      html`<div><dt>${cut(escapeControls(name), 40)}</dt><dd data-text="total-${name}">${texts[`total-${name}`]}</dd></div>`,
  )
  return html`<section class="summary" aria-label="Summary">
<dl class="counts">
${count('workers', 'Living')}${count('busy', 'Busy')}${count('idle', 'Idle')}${count('blocked', 'Blocked')}${count('stale', 'Stale')}${count('dead', 'Dead')}${count('uptime', 'Up')}
</dl>
<div class="sparks">${SPARKLINES.map((tile) => sparkTile(tile, picture, texts, paths[tile.name]))}</div>
${names.length > 0 && html`<dl class="totals" aria-label="Totals of the board's counters">${totals}</dl>`}
</section>`
}

function sparkTile(tile: Tile, picture: Picture, texts: Tick['texts'], path: string | undefined): Html {
  const { name, title } = tile
  const isShown = picture.servesRequests || !tile.isRequest
  return html`<figure class="spark spark-${name}" data-needs="${tile.isRequest && 'requests'}"${!isShown && html` hidden`}>
<figcaption>${title} <small data-text="sum-${name}">${texts[`sum-${name}`]}</small></figcaption>
<strong data-text="now-${name}">${texts[`now-${name}`] ?? '0'}</strong>
<svg viewBox="0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path class="area" d="${path && areaUnder(path)}"/><path class="line" data-path="${name}" data-height="${SPARK_HEIGHT}" d="${path}"/></svg>
</figure>`
}

function gridSection(picture: Picture, staleMs: number): Html {
  const bySlot = new Map<number, WorkerView>()
  // A dead worker keeps its place until another one takes it, or dies there too.
  for (const view of picture.workers.toReversed()) {
    if (!view.isDead || !bySlot.has(view.slot)) bySlot.set(view.slot, view)
  }
  const highest = Math.min(MOST_CELLS - 1, Math.max(-1, ...bySlot.keys()))
  const cells = Array.from({ length: highest + 1 }, (_, slot) => gridCell(bySlot.get(slot), staleMs))
  const legend = LEGEND.map(
    ([mark, kind, meaning]) => html`<li><i class="${kind}">${mark}</i> ${meaning}</li>`,
  )
  return html`<section aria-labelledby="grid-title">
<div class="bar"><h2 id="grid-title">Scoreboard</h2><ul class="legend" aria-label="Legend">${legend}</ul></div>
<div class="grid" id="grid" role="img" aria-label="One character for each slot, as in the legend">${cells}</div>
<p class="note"><span data-text="open">${countText(Math.max(0, picture.slots - picture.workers.length))}</span> of ${countText(picture.slots)} slots are open.</p>
</section>`
}

function gridCell(view: WorkerView | undefined, staleMs: number): Html {
  if (!view) return html`<i class="open">.</i>`
  const kind = kindOf(view, view.ageMs, staleMs)
  return html`<i class="${kind}" title="${view.id}: ${wordOf(view, kind)}">${markOf(view, kind)}</i>`
}

function workersSection(picture: Picture, chosen: WorkerView[], choice: Choice, staleMs: number): Html {
  const rows = chosen.slice(0, MOST_ROWS).map((view) => workerRow(view, staleMs))
  const states = STATES.map(
    (state) => html`<option value="${state}"${state === choice.state && html` selected`}>${state}</option>`,
  )
  return html`<section id="workers" tabindex="-1" aria-labelledby="workers-title" class="${!picture.servesRequests && 'plain'}">
<form id="view" class="bar" method="get" role="search">
<h2 id="workers-title">Workers</h2>
<input type="hidden" name="sort" value="${choice.isReversed && '-'}${choice.sort}">
<label>Filter <input type="search" name="filter" value="${choice.filter}" maxlength="200" autocomplete="off" spellcheck="false" placeholder="name, path, client, state"></label>
<label>Show <select name="state">${states}</select></label>
<button id="apply">Apply</button>
<output id="shown">${shownText(rows.length, picture.workers.length)}</output>
</form>
<div class="scroll"><table>
<caption class="hidden">The workers of this board. The headings sort.</caption>
<thead><tr>${COLUMNS.map((column) => heading(column, choice))}</tr></thead>
<tbody id="rows">
${rows}</tbody>
</table></div>
<p class="note" id="none"${rows.length > 0 && html` hidden`}>No worker to show.</p>
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

function workerRow(view: WorkerView, staleMs: number): Html {
  const kind = kindOf(view, view.ageMs, staleMs)
  const cells = COLUMNS.map((column) => {
    const text = cellText(column, view, kind)
    const isError = column.key === 'doing' && view.isError
    return html`<td class="c-${column.key}${isError && ' error'}">${column.format === 'word' ? html`<b>${text}</b>` : text}</td>`
  })
  return html`<tr class="${kind}" data-key="${view.key}">
${cells}</tr>
`
}
