// A stack as people read it. Pure functions; every name in it is another program's, and does nothing but show.

import { ageText, escapeControls } from '../view/text'
import { blockedForMs } from '../view/worker-state'
import type { AskedWorker, KernelView, StackFrame, WorkerStack } from './types'

const WIDEST_NAME = 32

/** `  at inner   /srv/app/report.js:41:29`, one line a call. */
export function frameLines(frames: readonly StackFrame[]): string[] {
  if (frames.length === 0)
    return ['  its event loop runs nothing right now: it waits, or is between two callbacks']
  const names = frames.map(({ functionName }) => escapeControls(functionName || '(anonymous)'))
  const width = Math.min(WIDEST_NAME, Math.max(...names.map((name) => name.length)))
  return frames.map(({ file, line, column }, at) => {
    const place = file === '' ? '(no file)' : `${escapeControls(file)}:${line}:${column}`
    return `  at ${names[at]!.padEnd(width)}  ${place}`
  })
}

/** All of it below the line that names the worker. */
export function stackLines(stack: WorkerStack): string[] {
  const { samples, refusal, kernel } = stack
  if (samples !== undefined)
    return samples.flatMap((frames, at) => [...sampleTitle(at, samples.length), ...frameLines(frames)])
  return [
    ...(refusal === undefined ? [] : [`  no stack of JavaScript: ${escapeControls(refusal.message)}`]),
    ...(kernel === undefined ? [] : kernelLines(kernel)),
  ]
}

function sampleTitle(at: number, of: number): string[] {
  return of === 1 ? [] : [`  ${at + 1} of ${of}`]
}

const STATES: Record<string, string> = {
  R: 'runs',
  S: 'sleeps',
  D: 'waits for a device, uninterruptibly',
  T: 'is stopped by a signal',
  t: 'is stopped by a tracer',
  Z: 'has ended',
  F: 'is frozen with its cgroup, as by docker pause',
}

function kernelLines({ state, syscall, target, waitsIn, stack, children }: KernelView): string[] {
  const call =
    syscall === undefined
      ? ''
      : `, in ${syscall}${target === undefined ? '' : ` of ${escapeControls(target)}`}`
  const waits = waitsIn === undefined ? '' : ` (${escapeControls(waitsIn)})`
  return [
    `  the kernel says: it ${STATES[state] ?? `is in state ${state}`}${call}${waits}`,
    ...(children ?? []).map((child) => `  its child: ${escapeControls(child)}`),
    ...(stack ?? []).map((line) => `    ${escapeControls(line)}`),
  ]
}

/** `blocked for 28.4s`. */
export function loopText(worker: AskedWorker, { refusal }: WorkerStack, blockedAfterMs?: number): string {
  if (worker.state === 'dead')
    return worker.ending === undefined ? 'dead' : `dead (${escapeControls(worker.ending)})`
  if (refusal?.code === 'gone') return 'ended since the look at the board'
  const forMs = blockedForMs(worker, blockedAfterMs)
  if (forMs !== undefined) return `blocked for ${ageText(forMs)}`
  return worker.heartbeatAgeMs === undefined ? 'without a heart' : 'its event loop turns'
}
