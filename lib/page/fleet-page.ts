// The page of a fleet as HTML, whole: complete without JavaScript, and kept up to date by assets/fleet-page.js.

import { redactUrl } from '../util/redact'
import { cut, escapeControls } from '../view/text'
import { fleetAssets } from './assets'
import { LEGEND_KINDS } from './fleet-cells'
import { type Drawn, drawFleet, type FleetScene } from './fleet-drawing'
import type { FleetChoice } from './fleet-order'
import { areaUnder, SPARK_HEIGHT, SPARK_WIDTH, WINDOW_TEXT } from './history'
import { type Html, html, trusted } from './html'
import { pageHead, RELOAD_SECONDS } from './page'

const TILES: readonly (readonly [name: string, title: string, kind: string])[] = [
  ['machines', 'Machines', 'all'],
  ['lost-machines', 'Lost', 'dead'],
  ['all', 'Workers', 'all'],
  ['busy', 'Busy', 'busy'],
  ['idle', 'Idle', 'idle'],
  ['blocked', 'Blocked', 'blocked'],
  ['stale', 'Stale', 'stale'],
  ['dead', 'Dead', 'dead'],
]

const SPARKS = [
  ['busy', 'Busy workers'],
  ['updates', 'Updates'],
] as const

export function renderFleetPage(scene: FleetScene, choice: FleetChoice, title: string): string {
  const { style, script } = fleetAssets()
  const drawn = drawFleet(scene, choice)
  const shownTitle = cut(escapeControls(title), 80)
  const url = cut(escapeControls(redactUrl(scene.look.snapshot.url)), 200)
  const piece = (name: string) => html`<div id="${name}">${trusted(drawn.pieces[name] ?? '')}</div>`
  const isOpen = choice.machine !== undefined
  return html`${pageHead(shownTitle, style)}
<body>
<a class="skip" href="#view">Skip to the machines</a>
<header>
<div class="name"><h1>${isOpen ? html`<a href="?">${shownTitle}</a>` : shownTitle}</h1><p class="path">${url}</p></div>
<p class="live" id="live" role="status"><noscript>reloads every ${RELOAD_SECONDS} s</noscript></p>
<nav aria-label="Other forms"><button type="button" id="pause" aria-pressed="false" hidden>Pause</button>
<a href="?json">JSON</a> <a href="?metrics">metrics</a> <a href="?sd">discovery</a></nav>
</header>
<p class="banner" id="banner" role="alert" hidden></p>
<main>
${piece('away')}
${isOpen ? '' : piece('trouble')}
${isOpen ? '' : summary(drawn)}
${form(choice, drawn)}
${isOpen ? piece('opened') : gridSection(drawn)}
${isOpen ? '' : piece('queues')}
</main>
<script>${script.content}</script>
</body>
</html>
`.text
}

function summary({ texts, paths, pieces }: Drawn): Html {
  const tiles = TILES.map(
    ([name, label, kind]) =>
      html`<li class="count ${kind}${texts[name] === '0' && ' zero'}"><span>${label}</span> <b data-text="${name}">${texts[name]}</b></li>`,
  )
  return html`<section class="summary" aria-label="Summary">
<ul class="counts" aria-label="Machines, and workers by state">${tiles}</ul>
<div class="sparks">${SPARKS.map(
    ([name, label]) => html`<figure class="spark spark-${name}">
<figcaption>${label}</figcaption>
<strong data-text="now-${name}">${texts[`now-${name}`]}</strong>
<div class="plot"><svg viewBox="0 0 ${SPARK_WIDTH} ${SPARK_HEIGHT}" preserveAspectRatio="none" aria-hidden="true"><path class="area" d="${areaUnder(paths[name]!)}"/><path class="line" data-path="${name}" data-height="${SPARK_HEIGHT}" d="${paths[name]}"/></svg></div>
<p class="scale"><span>${WINDOW_TEXT}</span> <span>top <span data-text="peak-${name}">${texts[`peak-${name}`]}</span></span></p>
</figure>`,
  )}</div>
<div id="totals">${trusted(pieces.totals!)}</div>
</section>`
}

function form({ filter, machine, worker }: FleetChoice, { texts }: Drawn): Html {
  const hidden = (name: string, value: string | undefined) =>
    value !== undefined && html`<input type="hidden" name="${name}" value="${value}">`
  const isOpen = machine !== undefined
  return html`<form id="view" class="bar" method="get" role="search">
<h2>${isOpen ? html`<a href="?">All machines</a>` : 'Machines'}</h2>${hidden('machine', machine)}${hidden('worker', worker)}
<label>Filter <input type="search" name="filter" value="${filter}" maxlength="200" autocomplete="off" spellcheck="false" placeholder="${isOpen ? 'name, status; !without' : 'name, host, zone=a; !without'}" title="Words that all have to be there; !word leaves out. The key / leads here."></label>
<button>Apply</button>
${!isOpen && html`<output data-text="shown">${texts.shown}</output>`}
</form>`
}

function gridSection({ blocks, texts }: Drawn): Html {
  const legend = LEGEND_KINDS.map((kind) => html`<li><i class="${kind}"></i> ${kind}</li>`)
  return html`<section aria-label="Machines">
<ul class="legend" aria-label="Legend">${legend}</ul>
<div class="machines" id="machines">${trusted([...blocks.values()].map((one) => one.html).join(''))}</div>
${blocks.size === 0 && html`<p class="note">No machine to show.</p>`}
<p class="note" data-text="left">${texts.left}</p>
</section>`
}
