// What wants to be looked at first: those that hang, are silent or have died, on top of the page; and below it the
// last deaths, with what each was doing.

import { isTrouble } from '../view/activity'
import { countText } from '../view/numbers'
import { ageText } from '../view/text'
import { dayTimeText } from './clock'
import { rankOf } from './columns'
import type { Picture } from './feed'
import { type Html, html } from './html'
import type { WorkerView } from './row-values'

const MOST_SHOWN = 6

export function troubleSection({ workers }: Picture): Html {
  const all = workers.filter(({ kind }) => isTrouble(kind))
  if (all.length === 0) return html``
  const first = all
    .toSorted((a, b) => rankOf(a.kind) - rankOf(b.kind) || b.ageMs - a.ageMs || a.slot - b.slot)
    .slice(0, MOST_SHOWN)
  const more = all.length - first.length
  return html`<section class="trouble" aria-labelledby="trouble-title"><h2 id="trouble-title">Look at ${all.length === 1 ? 'this one' : `these ${countText(all.length)}`}</h2><ul>${first.map(troubleItem)}</ul>${more > 0 && html`<p class="note">and ${countText(more)} more, first in the table</p>`}</section>`
}

function troubleItem({ key, kind, id, blockedMs, ageMs, ending, doing }: WorkerView): Html {
  const how = kind === 'dead' ? (ending ?? 'silent for') : 'for'
  const since = kind === 'dead' && ending !== undefined ? '' : ` ${ageText(blockedMs ?? ageMs)}`
  return html`<li class="${kind}"><a href="?worker=${key}" data-open="${key}"><b>${kind}</b> <strong>${id}</strong></a> <span>${how}${since}</span> <code>${doing}</code></li>`
}

export function deathsSection({ deaths }: Picture): Html {
  if (deaths.length === 0) return html``
  const rows = deaths.map(
    ({ at, id, pid, ending, doing }) =>
      html`<tr><td><time datetime="${new Date(at).toISOString()}">${dayTimeText(at)}</time></td><td class="c-id">${id}</td><td class="c-pid">${pid}</td><td>${ending ?? 'unknown'}</td><td class="c-doing">${doing}</td></tr>`,
  )
  return html`<section aria-labelledby="deaths-title"><h2 id="deaths-title">Last deaths</h2>
<div class="scroll"><table class="deaths"><caption class="hidden">Who died while somebody looked, the newest first</caption>
<thead><tr><th scope="col">When</th><th scope="col">Worker</th><th scope="col" class="c-pid">PID</th><th scope="col">How</th><th scope="col">Was doing</th></tr></thead>
<tbody>${rows}</tbody></table></div></section>`
}
