// How the demo reaches the user: live on a terminal, line by line where it is piped, or not at all.

import type { FleetDemoReport } from '../../demo/fleet-run'
import type { DemoOptions, DemoReport, Look } from '../../demo/run'
import type { RequestStatus } from '../../http/request-status'
import type { Status } from '../../scoreboard/types'
import { fleetLine, fleetTable, machineTable } from '../../terminal/fleet-render'
import { renderLine, renderScreen, renderTable } from '../../terminal/render'
import { showLive } from '../../terminal/screen'
import { type FleetLook, rowsOf } from '../../view/fleet'
import { ageText, cut, escapeControls, statusText } from '../../view/text'
import { outputStyle, print } from '../support/output'
import { StopSignal } from '../support/stop-signal'

/** How what there is to see is drawn. */
export interface Drawing<L> {
  line(look: L): string
  table(look: L): string[]
  /** As many lines as there is room for, above the story. */
  screen(look: L, columns: number, rows: number, colors: boolean): string[]
}

export const boardDrawing: Drawing<Look> = {
  line: ({ snapshot, updatesPerSecond }) => `${renderLine(snapshot)}, ${whole(updatesPerSecond)} updates/s`,
  table: ({ snapshot }) => renderTable(snapshot, { ...outputStyle(), state: true, statusText: requestText }),
  screen: ({ baseDir, snapshot, updatesPerSecond }, columns, rows, colors) =>
    renderScreen(snapshot, {
      title: `rollcall demo  ${baseDir}  ${whole(updatesPerSecond)} updates/s `,
      columns,
      rows,
      colors,
      statusText: requestText,
    }),
}

export const fleetDrawing: Drawing<FleetLook> = {
  line: fleetLine,
  table: (look) => fleetTable(look, rowsOf(look), outputStyle()),
  screen(look, columns, rows, colors) {
    const machines = machineTable(look.machines, { columns, colors })
    const title = cut(`rollcall demo --fleet  ${fleetLine(look)}`, columns)
    const workers = fleetTable(look, rowsOf(look), { columns, colors })
    return [title, '', ...machines, '', ...workers].slice(0, rows)
  },
}

/** How the demo is shown. */
export interface Audience<L> extends Pick<DemoOptions<L>, 'say' | 'onReady' | 'onNews'> {
  /** After it all is over: the screen restored, the timers stopped. */
  end(): Promise<void>
}

/** For `--json`: the summary alone. */
export function silence<L>(): Audience<L> {
  return { say() {}, onReady() {}, onNews() {}, async end() {} }
}

/** A line for all that happens and for each second, and the table when somebody has died or hangs. */
export function asText<L>(draw: Drawing<L>): Audience<L> {
  const startedAt = performance.now()
  let timer: NodeJS.Timeout | undefined
  let look: (() => L) | undefined
  const say = (sentence: string) =>
    print(`${((performance.now() - startedAt) / 1000).toFixed(1).padStart(5)}s  ${sentence}`)
  return {
    say,
    onNews: () => print(`\n${draw.table(look!()).join('\n')}\n`),
    onReady(lookNow) {
      look = lookNow
      timer = setInterval(() => {
        say(draw.line(lookNow()))
      }, 1000)
    },
    async end() {
      clearInterval(timer)
    },
  }
}

/** The board as it moves, with the story below it. */
export function onScreen<L>(draw: Drawing<L>, stop: StopSignal): Audience<L> {
  const said: string[] = []
  const { colors } = outputStyle()
  const over = new StopSignal()
  let look: (() => L) | undefined
  const lines = (columns: number, rows: number) => {
    const board = draw.screen(look!(), columns, Math.max(6, rows - 8), colors)
    const story = said.slice(-6).map((sentence) => cut(escapeControls(sentence), columns))
    return [...board, '', ...story, 'q ends it early'].slice(0, rows)
  }
  let shown: Promise<void> | undefined
  return {
    say: (sentence) => void said.push(sentence),
    onNews() {},
    onReady(lookNow) {
      look = lookNow
      shown = showLive({ intervalMs: 200, lines }, over)
      // Without its view the demo ends, be it by q or by an error, which end() tells.
      const viewEnded = () => {
        if (!over.signal.aborted) stop.stop()
      }
      shown.then(viewEnded, viewEnded)
    },
    async end() {
      over.stop()
      over[Symbol.dispose]()
      await shown
    },
  }
}

function requestText(status: Status | undefined, columns: number): string {
  const { state, method, path, requests, since } = status as RequestStatus
  const request = method ? `${method} ${path}` : '-'
  return statusText(
    `${state.padEnd(10)} ${request.padEnd(22)} ${whole(requests)} requests, ${ageText(Date.now() - since)}`,
    columns,
  )
}

/** What happened, in a few lines. */
export function summary(report: DemoReport): string {
  const { seconds, requests, connectionErrors, updates, updatesPerSecond, reads, deaths, hangs, freedSlots } =
    report
  const lines = [
    `${seconds.toFixed(1)} s of load on ${report.workers} workers`,
    `  requests  ${whole(requests)} answered (${whole(requests / (seconds || 1))}/s), ${whole(connectionErrors)} connection errors`,
    `  updates   ${whole(updates)} published (${whole(updatesPerSecond)}/s)`,
    `  reads     ${whole(reads)} of the whole board, mean ${micros(report.meanReadMs)}, median ${micros(report.medianReadMs)}`,
    `  deaths    ${deaths.length} seen`,
    ...deaths.map(
      ({ id, pid, seenAfterMs, exitEventAfterMs }) =>
        `            ${id}, pid ${pid}: dead on the board ${seenAfterMs.toFixed(1)} ms after SIGKILL (exit event: ${exitEventAfterMs.toFixed(1)} ms)`,
    ),
    `  hangs     ${hangs.length} seen`,
    ...hangs.flatMap(({ id, pid, seenAfterMs, stackAfterMs, stack }) => [
      `            ${id}, pid ${pid}: blocked on the board after ${seenAfterMs.toFixed(0)} ms${stackAfterMs === null ? '' : `, its stack ${stackAfterMs.toFixed(0)} ms later`}`,
      ...stack.map((line) => `              ${line}`),
    ]),
    `  left      ${report.isClean ? 'nothing: no process, no file' : 'files, which could not be removed'}; ${freedSlots} dead slot freed`,
  ]
  return lines.join('\n')
}

/** The same of the second act. */
export function fleetSummary(report: FleetDemoReport): string {
  const { seconds, machines, workers, hangs, losses, returns, totals, isClean } = report
  const ms = (n: number) => `${n.toFixed(0)} ms`
  return [
    `${seconds.toFixed(1)} s of ${machines} machines with ${workers} workers in one view`,
    `  tasks     ${whole(totals.tasks ?? 0)} done, as their counters have it`,
    ...hangs.map(
      ({ id, machine, seenAfterMs }) => `  hang      ${id} on ${machine}: seen after ${ms(seenAfterMs)}`,
    ),
    ...losses.map(
      ({ machine, seenAfterMs, lastWords }) =>
        `  loss      ${machine}: seen after ${ms(seenAfterMs)}, with the last words of ${lastWords.length} workers`,
    ),
    ...returns.map(
      ({ machine, seenAfterMs }) => `  return    ${machine}: ${ms(seenAfterMs)} after its start`,
    ),
    `  left      ${isClean ? 'nothing: no process, no file' : 'files, which could not be removed'}`,
  ].join('\n')
}

function micros(ms: number | null): string {
  return ms === null ? '-' : `${(ms * 1000).toFixed(1)} us`
}

function whole(n: number): string {
  return Math.round(n).toLocaleString('en')
}
