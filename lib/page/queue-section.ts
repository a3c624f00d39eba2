// The queues as a piece of the page: how far each is, what became of its workers, and which of them hang.

import type { QueueCounts, TimerCounts } from '../queue/types'
import { countText } from '../view/numbers'
import { ageText } from '../view/text'
import { type Html, html } from './html'
import type { QueueView } from './queue-feed'

const BAR_WIDTH = 1000

export function queuesSection(queues: readonly QueueView[]): Html {
  if (queues.length === 0) return html``
  return html`<section aria-labelledby="queues-title"><h2 id="queues-title">Queues</h2>${queues.map(queueArticle)}</section>`
}

function queueArticle(queue: QueueView): Html {
  const { counts, error } = queue
  return html`<article class="queue"><h3>${queue.name}</h3>
${error !== undefined && html`<p class="error" role="alert">Not up to date: ${error}</p>`}
${counts && progressBar(queue.name, counts)}
<div class="numbers">${counts && itemCounts(counts)}${queue.timers && timerCounts(queue.timers)}</div>
${expiredTable(queue)}
</article>`
}

function progressBar(name: string, { total, done, dead, leased }: QueueCounts): Html {
  let x = 0
  const bars = Object.entries({ done, dead, leased }).map(([kind, n]) => {
    const width = total > 0 ? (n / total) * BAR_WIDTH : 0
    const bar = html`<rect class="${kind}" x="${x.toFixed(1)}" y="0" width="${width.toFixed(1)}" height="10"/>`
    x += width
    return bar
  })
  const percent = total > 0 ? Math.floor(((done + dead) / total) * 100) : 0
  return html`<div class="progress" role="progressbar" aria-label="${name}" aria-valuenow="${percent}" aria-valuemin="0" aria-valuemax="100"><svg viewBox="0 0 ${BAR_WIDTH} 10" preserveAspectRatio="none" aria-hidden="true">${bars}</svg><b>${percent} %</b></div>`
}

function itemCounts({
  total,
  done,
  leased,
  ready,
  delayed,
  dead,
  failed,
  retried,
  waiting = 0,
}: QueueCounts): Html {
  const attempts = { 'failed attempts': failed, retried }
  return partsList('Items', {
    items: total,
    done,
    leased,
    ready,
    ...(waiting > 0 && { 'waiting for another queue': waiting }),
    delayed,
    dead,
    ...attempts,
  })
}

/** What the queue calls alive includes the expired. */
function timerCounts({ alive, expired, finished, failed, died, neverStarted }: TimerCounts): Html {
  const always = { alive: alive - expired, expired }
  return partsList('Timers', { ...always, finished, failed, died, 'never started': neverStarted })
}

function partsList(label: string, parts: Record<string, number>): Html {
  const items = Object.entries(parts).map(
    ([name, n]) =>
      html`<li class="${name.replace(' ', '-')}${n === 0 && ' zero'}"><b>${countText(n)}</b> ${name}</li>`,
  )
  return html`<ul class="parts" aria-label="${label}">${items}</ul>`
}

function expiredTable({ expired, timers }: QueueView): Html | undefined {
  if (expired.length === 0) return undefined
  const rows = expired.map(
    ({ id, ageMs, where, progress: said }) =>
      html`<tr><td>${id}</td><td class="c-ageMs">${ageText(ageMs)}</td><td>${where}</td><td class="c-doing">${said}</td></tr>`,
  )
  const more = (timers?.expired ?? 0) - expired.length
  return html`<div class="scroll"><table class="expired"><caption>Expired timers: not kicked in time</caption>
<thead><tr><th scope="col">Timer</th><th scope="col" class="c-ageMs">Not kicked for</th><th scope="col">Where</th><th scope="col">Last said</th></tr></thead>
<tbody>${rows}</tbody></table></div>${more > 0 && html`<p class="note">and ${countText(more)} more</p>`}`
}
