// The scoreboard as the page draws it: a cell with a letter for each slot, and where there are many, one drawing with
// a shape for each kind. The page's script draws both anew in the same way.

import { markOf } from '../view/activity'
import { type Html, html } from './html'
import type { WorkerView } from './row-values'

export const MOST_CELLS = 8192
/** From so many slots on, cells are small and have no letters. */
export const SMALL_FROM = 500
/** Cells in a line of small ones, each of which is `CELL` units wide with its gap. */
const perLine = (length: number) => (length > 2048 ? 256 : 128)
const CELL = 10
const SIZE = 8

export function grid(workers: readonly WorkerView[]): Html {
  const bySlot = new Map<number, WorkerView>()
  for (const view of workers) if (view.kind !== 'dead' || !bySlot.has(view.slot)) bySlot.set(view.slot, view)
  const highest = [...bySlot.keys()].reduce((most, slot) => Math.max(most, slot), -1)
  const length = Math.min(MOST_CELLS, highest + 1)
  if (length >= SMALL_FROM) return smallCells(bySlot, length)
  return html`${Array.from({ length }, (_, slot) => cell(bySlot.get(slot)))}`
}

function cell(view: WorkerView | undefined): Html {
  if (!view) return html`<i class="open">.</i>`
  const { kind, id, word, key, letter } = view
  return html`<i class="${kind}" title="${id}: ${word}" data-key="${key}">${markOf(kind, letter)}</i>`
}

function smallCells(bySlot: ReadonlyMap<number, WorkerView>, length: number): Html {
  const shapes = new Map<string, string>()
  const wide = perLine(length)
  for (let slot = 0; slot < length; slot++) {
    const kind = bySlot.get(slot)?.kind ?? 'open'
    const at = `M${(slot % wide) * CELL} ${Math.floor(slot / wide) * CELL}h${SIZE}v${SIZE}h-${SIZE}z`
    shapes.set(kind, (shapes.get(kind) ?? '') + at)
  }
  const paths = [...shapes].map(([kind, shape]) => html`<path class="${kind}" d="${shape}"/>`)
  const height = Math.ceil(length / wide) * CELL
  return html`<svg viewBox="0 0 ${wide * CELL} ${height}" aria-hidden="true">${paths}</svg>`
}
